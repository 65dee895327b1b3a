/** What a lost call is told. */

import { ExecutorLost, LeaseOver, LimitExceeded, NodeLost, type RfaasError } from "../errors.ts";
import type { LeaseWords, Verdict } from "../keeper/lease_words.ts";
import { VERDICT_MS } from "../policy.ts";

/** What the error is about. */
export interface LostCall {
  readonly name: string;
  readonly node: string;
  /** Whether the call was sent: then it may have run. */
  readonly posted: boolean;
}

/** Waits a moment for the keeper to learn why an executor went; `given` ends the wait early. */
export async function awaitVerdict(
  words: LeaseWords,
  generation: number,
  given: () => boolean,
): Promise<Verdict> {
  const untilMs = performance.now() + VERDICT_MS;
  for (;;) {
    const verdict = words.verdict(generation);
    if (verdict || given() || performance.now() >= untilMs) return verdict;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Whether something ended because its node was taken back: then a call that was cut is told its outcome. */
export function isTakenBack(reason: string): boolean {
  return reason.startsWith("draining:");
}

/** Which limit a reason is about, if it is about one. */
function limitOf(reason: string): string | undefined {
  return /^limit: (\w+):/.exec(reason)?.[1];
}

/** The error for a call on a lease that is over. */
export function leaseOverError(what: string, reason: string): LeaseOver | LimitExceeded {
  const message = `${what}: the lease is over (${reason})`;
  const options = { cause: new Error(reason) };
  const limit = limitOf(reason);
  return limit === undefined
    ? new LeaseOver(message, options)
    : new LimitExceeded(message, limit, options);
}

/** The error for a call whose connection went. */
export function lossError({ name, node, posted }: LostCall, verdict: Verdict): RfaasError {
  const outcome = posted ? "unknown" : "not-run";
  if (!verdict) {
    return new ExecutorLost(
      `Cannot finish ${name}: its connection went, the reason is not known`,
      outcome,
    );
  }
  const { kind, reason } = verdict;
  const options = { cause: new Error(reason) };
  if (kind === "over" && !isTakenBack(reason)) {
    return leaseOverError(`Cannot finish ${name}`, reason);
  }
  if (kind === "node") {
    return new NodeLost(`Cannot finish ${name}: node ${node} is lost: ${reason}`, outcome, options);
  }
  const limit = limitOf(reason);
  if (limit !== undefined) {
    const message = `Cannot finish ${name}: its executor was ended: ${reason}`;
    return new LimitExceeded(message, limit, options);
  }
  return new ExecutorLost(
    `Cannot finish ${name}: its executor is lost: ${reason}`,
    outcome,
    options,
  );
}
