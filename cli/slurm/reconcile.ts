/** Repairs what lost hooks have left: nodes with jobs that are lent, and idle nodes that are not. */

import type { NodeEntry } from "../../runtime/http/manager_api.ts";
import type { ManagerClient } from "../../runtime/http/manager_client.ts";
import { ManagerRefusedError } from "../../runtime/http/manager_refused.ts";
import { SLURM } from "./hooks.ts";
import { isLendable, isShareable, type SlurmNode } from "./slurm_nodes.ts";

/** A node of both, and the cores that Slurm's side should lend of it. */
export interface Matched {
  readonly node: NodeEntry;
  readonly slurm: SlurmNode;
  /** 0: none. */
  readonly cores: number;
  /** What it is to do; undefined if it lends these cores already. */
  readonly action: "lend" | "reclaim" | undefined;
}

/**
 * Compares the nodes of the same name.
 *
 * @param share Nodes with jobs lend the cores that no job has.
 */
export function match(
  nodes: readonly NodeEntry[],
  slurm: readonly SlurmNode[],
  share: boolean,
): Matched[] {
  const byName = new Map(slurm.map((each) => [each.name, each]));
  return nodes.flatMap((node): Matched[] => {
    const found = byName.get(node.name);
    if (found === undefined) return [];
    const cores = coresToLend(node, found, share);
    const lent = node.limits.find(({ by }) => by === SLURM)?.cores ?? node.maxCores;
    const action = cores === lent ? undefined : cores > lent ? "lend" : "reclaim";
    return [{ node, slurm: found, cores, action }];
  });
}

function coresToLend({ maxCores }: NodeEntry, slurm: SlurmNode, share: boolean): number {
  if (isLendable(slurm)) return maxCores;
  if (!share || !isShareable(slurm)) return 0;
  return Math.min(maxCores, Math.max(0, slurm.cpus - slurm.allocatedCpus));
}

/** What {@linkcode reconcile} needs. */
export interface ReconcileOptions {
  readonly manager: ManagerClient;
  readonly graceMs: number;
  readonly readSlurm: () => Promise<SlurmNode[]>;
  /** Nodes with jobs lend the cores that no job has. */
  readonly share: boolean;
  /** Changes nothing. */
  readonly dryRun: boolean;
}

/**
 * Reads both, and drains or lends the nodes that differ.
 *
 * The nodes of rfaas are read first, and changed only if no hook has changed them since: a job that starts meanwhile keeps
 * its node.
 *
 * @returns A line for each node that differs.
 * @throws {Error} If either of them cannot be read.
 */
export async function reconcile(options: ReconcileOptions): Promise<string[]> {
  const { manager, readSlurm, share, dryRun } = options;
  const { nodes } = await manager.nodes();
  const differing = match(nodes, await readSlurm(), share)
    .filter(({ action }) => action !== undefined);
  const lines: string[] = [];
  for (const each of differing) {
    const { node: { name }, slurm: { state }, action, cores } = each;
    const done = dryRun ? "would be changed" : await change(each, options);
    const beside = isLendable(each.slurm) || cores === 0 ? "" : ` to ${cores} cores`;
    lines.push(`${name} is ${state} in Slurm, ${action}${beside}: ${done}`);
  }
  return lines;
}

async function change(
  { node: { node, revision }, slurm, cores }: Matched,
  { manager, graceMs }: ReconcileOptions,
): Promise<string> {
  const request = { graceMs, by: SLURM, revision };
  try {
    if (cores === 0) await manager.drainNode(node, request);
    else await manager.lendNode(node, isLendable(slurm) ? request : { ...request, cores });
    return "done";
  } catch (error) {
    if (!(error instanceof ManagerRefusedError)) throw error;
    return error.message; // a hook was faster, or the operator drains it, or it has left
  }
}
