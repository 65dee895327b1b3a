/** Clients that take leases, call and release them until a time limit, in a process of their own. */

import { connect } from "../../../runtime/client/client.ts";
import type { Client } from "../../../runtime/client/client.ts";
import { RfaasError } from "../../../runtime/errors.ts";
import { emit } from "../processes/process_child.ts";
import { type LeasePlan, leasesOf } from "./chaos_plan.ts";

/** The argument of the process. */
export interface ChaosTask {
  readonly manager: string;
  readonly token: string;
  readonly functions: string;
  /** A seed for each client. */
  readonly seeds: readonly number[];
  readonly forMs: number;
}

/** The results of a process's clients. */
export interface ChaosReport {
  /** Calls with the right result. */
  right: number;
  /** Leases that were held. */
  leases: number;
  /** How often each error occurred, by its name. */
  errors: Record<string, number>;
  /** Violations: wrong bytes, and errors without a name. */
  wrong: string[];
  /** Leases that several nodes served. */
  spread: number;
  /** Worker-seconds from the grant of each lease to its end, its release, or the loss of a part. */
  heldS: number;
  /** Worker-seconds from the request of each lease to the end of its release, or its failure at a node. */
  spannedS: number;
}

/** The deadline of each call; a call that is lost without a reply exceeds it. */
const DEADLINE_MS = 5000;
/** The pause between two requests for a lease: a refusal may arrive at once. */
const PAUSE_MS = 50;

const task: ChaosTask = JSON.parse(Deno.args[0]!);
const report: ChaosReport = {
  right: 0,
  leases: 0,
  spread: 0,
  errors: {},
  wrong: [],
  heldS: 0,
  spannedS: 0,
};
const functions = Deno.readFileSync(task.functions);
const untilMs = performance.now() + task.forMs;
await Promise.all(task.seeds.map(runClient));
emit({ ...report });

async function runClient(seed: number): Promise<void> {
  let client: Client | undefined;
  for (const plan of leasesOf(seed)) {
    if (performance.now() > untilMs) break;
    try {
      client ??= await connect(task);
      await useLease(client, plan);
    } catch (error) {
      note(error);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
  await client?.close();
}

async function useLease(client: Client, plan: LeasePlan): Promise<void> {
  const { workers, memoryMiB, termMs, calls } = plan;
  const requestedMs = performance.now();
  const options = { functions, workers, memory: `${memoryMiB}MiB`, termMs };
  const lease = await client.lease(options).catch((error) => {
    // Some nodes may have served it before another refused. That time is billed.
    if (mayHaveBegun(error)) report.spannedS += (performance.now() - requestedMs) / 1000 * workers;
    throw error;
  });
  report.leases++;
  if (lease.parts.length > 1) report.spread++;
  const heldMs = performance.now();
  let overMs = Infinity;
  const over = () => overMs = Math.min(overMs, performance.now());
  lease.closed.then(over);
  let wholeMs = Infinity;
  const events = lease.status();
  const watching = (async () => {
    for await (const { type } of events) {
      if (type === "lost") wholeMs = Math.min(wholeMs, performance.now());
    }
  })();
  try {
    for (const [index, { name, bytes }] of calls.entries()) {
      if (overMs < Infinity || performance.now() > untilMs) break;
      const input = new Uint8Array(bytes).fill(index + bytes);
      if (name === "hold") input[0] = index % 10; // milliseconds
      const output = await lease.invoke(name, input, { deadlineMs: DEADLINE_MS }).catch(note);
      if (output === undefined) continue;
      if (output.length === bytes && output.every((byte, i) => byte === input[i])) report.right++;
      else report.wrong.push(`${name} of ${bytes} bytes returned ${output.length} other bytes`);
    }
  } finally {
    report.heldS += (Math.min(overMs, wholeMs, performance.now()) - heldMs) / 1000 * workers;
    await lease.close();
    await watching;
    report.spannedS += (performance.now() - requestedMs) / 1000 * workers;
  }
}

/** Whether any node may have served the lease before it failed. */
function mayHaveBegun(error: Error): boolean {
  return error.name !== "ManagerUnreachableError" &&
    !error.message.startsWith("Cannot grant lease");
}

/** Counts an error by its name. */
function note(error: unknown): undefined {
  const { name, message } = error as Error;
  report.errors[name] = (report.errors[name] ?? 0) + 1;
  const named = error instanceof RfaasError && name !== "RfaasError";
  if (!named) report.wrong.push(`${name}: ${message}`);
}
