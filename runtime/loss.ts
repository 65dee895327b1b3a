/** What a lost call is told. */

import { ExecutorLost, LeaseOver, LimitExceeded, NodeLost, type RfaasError } from "./errors.ts";
import type { LeaseWords, Verdict } from "./lease_words.ts";
import { VERDICT_MS } from "./policy.ts";

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
    return new LeaseOver(`Cannot finish ${name}: the lease is over (${reason})`, options);
  }
  if (kind === "node") {
    return new NodeLost(`Cannot finish ${name}: node ${node} is lost: ${reason}`, outcome, options);
  }
  if (reason.startsWith("limit:")) {
    return new LimitExceeded(`Cannot finish ${name}: its executor was ended: ${reason}`, options);
  }
  return new ExecutorLost(
    `Cannot finish ${name}: its executor is lost: ${reason}`,
    outcome,
    options,
  );
}
