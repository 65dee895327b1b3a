/** Clients that take leases, call and give them back until their time is over: a process of its own. */

import { connect } from "../../runtime/client/client.ts";
import type { Client } from "../../runtime/client/client.ts";
import { RfaasError } from "../../runtime/errors.ts";
import { say } from "../support/process_child.ts";
import { type LeasePlan, leasesOf } from "./chaos_plan.ts";

/** What the process is told. */
export interface ChaosTask {
  readonly manager: string;
  readonly token: string;
  readonly functions: string;
  /** A seed for each client. */
  readonly seeds: readonly number[];
  readonly forMs: number;
}

/** What the clients of a process have seen. */
export interface ChaosReport {
  /** Calls that gave the right bytes. */
  right: number;
  /** Leases that were held. */
  leases: number;
  /** How often each error came, by its name. */
  errors: Record<string, number>;
  /** What must not be: wrong bytes, and errors without a name. */
  wrong: string[];
  /** Leases that several nodes served. */
  spread: number;
  /** Worker-seconds from when leases were given to when they were over or given back, or had lost a part. */
  heldS: number;
  /** Worker-seconds from when leases were asked for to when they had been given back, or had failed at some node. */
  spannedS: number;
}

/** A call that is lost without an answer would show here. */
const DEADLINE_MS = 5000;
/** Between two tries for a lease: a refusal may come at once. */
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
say({ ...report });

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
  const { workers, memoryMiB, seconds, calls } = plan;
  const askedMs = performance.now();
  const asked = { functions, workers, memory: `${memoryMiB}MiB`, seconds };
  const lease = await client.lease(asked).catch((error) => {
    // Some nodes may have served it while others were asked: that is billed, and was given back.
    if (mayHaveBegun(error)) report.spannedS += (performance.now() - askedMs) / 1000 * workers;
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
      else report.wrong.push(`${name} of ${bytes} bytes answered with ${output.length} others`);
    }
  } finally {
    report.heldS += (Math.min(overMs, wholeMs, performance.now()) - heldMs) / 1000 * workers;
    await lease.close();
    await watching;
    report.spannedS += (performance.now() - askedMs) / 1000 * workers;
  }
}

/** Was any node asked before the lease failed? */
function mayHaveBegun(error: Error): boolean {
  return error.name !== "ManagerUnreachable" && !error.message.startsWith("Cannot give lease");
}

/** Counts an error by its name. */
function note(error: unknown): undefined {
  const { name, message } = error as Error;
  report.errors[name] = (report.errors[name] ?? 0) + 1;
  const named = error instanceof RfaasError && name !== "RfaasError";
  if (!named) report.wrong.push(`${name}: ${message}`);
}
