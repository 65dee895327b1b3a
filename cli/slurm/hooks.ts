/** What the hooks of Slurm do on a node: reclaim it before a job, and lend it after the last one. */

import {
  MAX_RECLAIM_WAIT_MS,
  type NodeEntry,
  type Reclaimed,
} from "../../runtime/http/manager_api.ts";
import type { ManagerClient } from "../../runtime/http/manager_client.ts";
import { ManagerRefusedError } from "../../runtime/http/manager_refused.ts";
import { delay } from "../../std/async.ts";
import { nodeNamed } from "../node_named.ts";
import { type NodeJob, NodeJobs } from "./node_jobs.ts";

/** The name under which nodes are drained and lent. */
export const SLURM = "slurm";
/** Between two reads of a node that drains; doubled up to the last one. A job waits for it. */
const FIRST_READ_MS = 10;
const LAST_READ_MS = 160;

/** A hook on a node. */
export interface HookOptions {
  readonly manager: ManagerClient;
  /** The name of the node, for Slurm and for rfaas. */
  readonly node: string;
  /** The number of the job. */
  readonly job: string;
  /** The folder with the jobs of the nodes of this host. */
  readonly jobs: string;
  /** The processors of the node, if it lends those that no job has; 0: it lends nothing beside a job. */
  readonly shared: number;
  /** How long leases have to move to other nodes. */
  readonly graceMs: number;
}

/** How a node is reclaimed. */
export interface ReclaimOptions {
  /** The processors that the job has on the node. */
  readonly cpus: number;
  /** How long to wait until the node is free. */
  readonly timeoutMs: number;
}

/**
 * Reclaims a node, or the processors of a job there, and waits until they are free: no lease has them, and no executor
 * runs on a node that lends nothing.
 *
 * @returns What happened, for the log.
 * @throws {Error} If the node is not free in time.
 */
export async function reclaim(options: HookOptions & ReclaimOptions): Promise<string> {
  const { node: name, job, jobs, cpus, shared, timeoutMs } = options;
  const startMs = performance.now();
  const passedMs = () => Math.round(performance.now() - startMs);
  // First of all, and without the lock: the Epilog of another job must not lend the node from now on.
  await NodeJobs.add(jobs, name, { job, cpus });
  for (let waitMs = FIRST_READ_MS;; waitMs = Math.min(2 * waitMs, LAST_READ_MS)) {
    const leftMs = Math.max(0, timeoutMs - passedMs());
    const found = shared === 0
      ? await reclaimNode(options, leftMs)
      : await reclaimCores(options, waitMs === FIRST_READ_MS);
    if (found === undefined) return `${name} lends nothing: it is not registered`;
    if (found.isFree) return `${name} is free after ${passedMs()} ms`;
    if (found.isLost) {
      throw new Error(`Cannot reclaim ${name}: its executor manager sends no heartbeats`);
    }
    if (passedMs() + waitMs > timeoutMs) {
      throw new Error(
        `Cannot reclaim ${name} within ${timeoutMs} ms: ${found.leasedCores} cores are leased`,
      );
    }
    await delay(waitMs);
  }
}

/** Drains the node. The resource manager waits until it is free. */
async function reclaimNode(
  { manager, node: name, jobs, graceMs }: HookOptions,
  leftMs: number,
): Promise<Omit<Reclaimed, "node"> | undefined> {
  // An Epilog that had listed the jobs before this one was added has lent the node when it releases the lock.
  (await NodeJobs.open(jobs, name))[Symbol.dispose]();
  try {
    const waitMs = Math.min(leftMs, MAX_RECLAIM_WAIT_MS);
    return await manager.reclaimNode({ name, by: SLURM, graceMs, waitMs });
  } catch (error) {
    if (error instanceof ManagerRefusedError && error.code === "not-found") return undefined;
    throw error;
  }
}

/** Lends the cores that no job has, once; then reads whether the others are free. */
async function reclaimCores(
  options: HookOptions,
  isFirst: boolean,
): Promise<Omit<Reclaimed, "node"> | undefined> {
  const { manager, node: name, jobs } = options;
  if (isFirst) {
    using known = await NodeJobs.open(jobs, name);
    const entry = await nodeNamed(manager, name);
    if (entry === undefined) return undefined;
    await lendBeside(await known.list(), entry, options);
  }
  const entry = await nodeNamed(manager, name);
  if (entry === undefined) return undefined;
  return {
    isFree: entry.isSettled,
    isLost: entry.state === "lost",
    leasedCores: entry.maxCores - entry.freeCores,
  };
}

/**
 * Lends a node again, if no other job is on it, or the processors that no job has.
 *
 * @returns What happened, for the log.
 */
export async function lendAfter(options: HookOptions): Promise<string> {
  const { manager, node: name, job, jobs, shared } = options;
  using known = await NodeJobs.open(jobs, name);
  await known.remove(job);
  const left = await known.list();
  const names = left.map(({ job }) => job).join(", ");
  if (left.length > 0 && shared === 0) return `${name} is not lent: jobs ${names} are on it`;
  const entry = await nodeNamed(manager, name);
  if (entry === undefined) return `${name} lends nothing: it is not registered`;
  if (left.length > 0) {
    const cores = await lendBeside(left, entry, options);
    return `${name} lends ${cores} cores beside jobs ${names}`;
  }
  try {
    await manager.lendNode(entry.node, { by: SLURM });
  } catch (error) {
    if (!isDrained(error)) throw error;
    return (error as Error).message; // by the operator, on purpose
  }
  return `${name} is lent`;
}

/** Lends the cores that no job has, if the node lends any beside jobs. @returns how many these are. */
async function lendBeside(
  jobs: readonly NodeJob[],
  { node, maxCores }: NodeEntry,
  { manager, shared, graceMs }: HookOptions,
): Promise<number> {
  const free = shared - jobs.reduce((sum, { cpus }) => sum + cpus, 0);
  const cores = Math.min(maxCores, Math.max(0, free));
  try {
    if (cores === 0) await manager.drainNode(node, { graceMs, by: SLURM });
    else await manager.lendNode(node, { cores, graceMs, by: SLURM });
    return cores;
  } catch (error) {
    if (!isDrained(error)) throw error;
    // The operator drains it, perhaps with a longer grace period than the job has.
    await manager.drainNode(node, { graceMs, by: SLURM });
    return 0;
  }
}

function isDrained(error: unknown): boolean {
  return error instanceof ManagerRefusedError && error.code === "drained";
}
