/** The third part: each fault is reported by the right error, and the lease continues. */

import { deadline } from "@std/async";
import { DeadlineExceededError, ExecutorLostError, FunctionError, type Lease } from "../../mod.ts";
import { busiestDescendant } from "./busiest_descendant.ts";

/** The deadline of the call to `spin`. */
const DEADLINE_MS = 50;
/** The time limit of each step. An emulated machine starts an executor in ten seconds. */
const GIVE_UP_MS = 30_000;

/** A fault and what followed it. */
export interface Fault {
  /** Whether the expected error came, and a call after it succeeded. */
  readonly ok: boolean;
  /** A description for the report. */
  readonly text: string;
}

/** A call that never ends fails at its deadline, and its executor is replaced. */
export async function showDeadline(lease: Lease): Promise<Fault> {
  const replaced = untilReplaced(lease);
  const fault = await show(lease, DeadlineExceededError, "a call that never ends", () => ({
    call: lease.invoke("spin", new Uint8Array(), { deadlineMs: DEADLINE_MS }),
  }));
  await replaced;
  return fault;
}

/** An error that a function throws reaches the caller. */
export function showThrow(lease: Lease): Promise<Fault> {
  return show(lease, FunctionError, "a function that throws", () => ({
    call: lease.invoke("fail", new Uint8Array()),
  }));
}

/** The death of an executor during a call is detected, and the executor is replaced. */
export function showKilledExecutor(lease: Lease, executorManager: number): Promise<Fault> {
  return show(lease, ExecutorLostError, "an executor killed during a call", () => {
    const call = lease.invoke("spin", new Uint8Array(), {
      signal: AbortSignal.timeout(GIVE_UP_MS),
    });
    const struck = busiestDescendant(executorManager).then((executor) => {
      Deno.kill(executor, "SIGKILL");
      return performance.now();
    });
    return { call, struck };
  });
}

/** Settles when the lease has a new executor, or after {@linkcode GIVE_UP_MS}. */
async function untilReplaced(lease: Lease): Promise<void> {
  const replaced = async () => {
    for await (const { type } of lease.status()) if (type === "recovered") return;
  };
  await deadline(replaced(), GIVE_UP_MS).catch(() => {});
}

/** Causes a fault, waits for its error, then checks that the lease still answers with the right bytes. */
async function show(
  lease: Lease,
  expected: new (...args: never[]) => Error,
  what: string,
  make: () => { call: Promise<unknown>; struck?: Promise<number> },
): Promise<Fault> {
  const beginMs = performance.now();
  const { call, struck } = make();
  const error = await call.then(() => undefined, (error: unknown) => error);
  const endMs = performance.now();
  const sinceMs = await (struck ?? beginMs);
  if (!(error instanceof expected)) {
    return { ok: false, text: `${what}: expected ${expected.name}, not ${error}` };
  }
  const bytes = crypto.getRandomValues(new Uint8Array(64));
  const signal = AbortSignal.timeout(GIVE_UP_MS);
  const again = await lease.invoke("echo", bytes, { signal }).catch((error) => error);
  if (!(again instanceof Uint8Array) || again.some((byte, i) => byte !== bytes[i])) {
    return { ok: false, text: `${what}: ${expected.name}, but the next call failed: ${again}` };
  }
  const noticed = (endMs - sinceMs).toFixed(1);
  const answered = (performance.now() - endMs).toFixed(1);
  return {
    ok: true,
    text: `${what}: ${expected.name} after ${noticed} ms, next call answered in ${answered} ms`,
  };
}
