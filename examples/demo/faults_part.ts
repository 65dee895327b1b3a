/** The third part: what goes wrong is told, by the right error, and the lease goes on. */

import { DeadlineExceeded, ExecutorLost, FunctionError, type Lease } from "../../mod.ts";
import { busiestChild } from "./busiest_child.ts";

/** What `spin` is given. */
const DEADLINE_MS = 50;
/** How long anything here may take before it counts as failed; an emulated machine starts an executor in ten seconds. */
const GIVE_UP_MS = 30_000;

/** A fault that was made, and what was seen of it. */
export interface Fault {
  /** The right error came, and a call after it worked. */
  readonly ok: boolean;
  /** What was seen, in words. */
  readonly text: string;
}

/** A call that never ends is given up in time; the executor that it holds up is replaced. */
export async function showDeadline(lease: Lease): Promise<Fault> {
  const replaced = untilReplaced(lease);
  const fault = await show(lease, DeadlineExceeded, "a call that never ends", () => ({
    call: lease.invoke("spin", new Uint8Array(), { deadlineMs: DEADLINE_MS }),
  }));
  await replaced;
  return fault;
}

/** A function's error arrives as it was thrown. */
export function showThrow(lease: Lease): Promise<Fault> {
  return show(lease, FunctionError, "a function that throws", () => ({
    call: lease.invoke("fail", new Uint8Array()),
  }));
}

/** An executor that is killed in mid-call is noticed and replaced. */
export function showKilledExecutor(lease: Lease, executorManager: number): Promise<Fault> {
  return show(lease, ExecutorLost, "an executor killed in mid-call", () => {
    const call = lease.invoke("spin", new Uint8Array(), {
      signal: AbortSignal.timeout(GIVE_UP_MS),
    });
    const struck = busiestChild(executorManager).then((executor) => {
      Deno.kill(executor, "SIGKILL");
      return performance.now();
    });
    return { call, struck };
  });
}

/** Settles when the lease has a fresh executor, or after a while. */
async function untilReplaced(lease: Lease): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, GIVE_UP_MS);
  const replaced = async () => {
    for await (const { type } of lease.status()) if (type === "recovered") return;
  };
  await Promise.race([replaced(), late]);
  clearTimeout(timer);
}

/** Makes a fault, waits for its error, then sees whether the lease still answers, with the right bytes. */
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
  const deadline = AbortSignal.timeout(GIVE_UP_MS);
  const again = await lease.invoke("echo", bytes, { signal: deadline }).catch((error) => error);
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
