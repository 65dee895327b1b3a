/** The errors of lost calls. */

import { delay } from "../../std/async.ts";
import {
  DeadlineExceededError,
  ExecutorLostError,
  LeaseOverError,
  LeaseRefusedError,
  LimitExceededError,
  NodeLostError,
  type RfaasError,
} from "../errors.ts";
import type { EndCode, EndReason } from "../protocol/end_reason.ts";
import type { LeaseWords, Verdict } from "../keeper/lease_words.ts";
import { VERDICT_MS } from "../policy.ts";

/** The call that the error describes. */
export interface LostCall {
  readonly name: string;
  readonly node: string;
  /** Whether the call was sent, so that it may have run. */
  readonly posted: boolean;
  /** Whether the call caused the end of its executor, as far as that is known. @default {false} */
  readonly culprit?: boolean;
}

/** Waits up to VERDICT_MS for the keeper to learn why an executor ended. `givenUp` ends the wait early. */
export async function awaitVerdict(
  words: LeaseWords,
  worker: number,
  generation: number,
  givenUp: () => boolean,
): Promise<Verdict> {
  const untilMs = performance.now() + VERDICT_MS;
  for (;;) {
    const verdict = words.verdict(worker, generation);
    if (verdict || givenUp() || performance.now() >= untilMs) return verdict;
    await delay(1);
  }
}

/** The error for a call on a lease that is over. */
export function leaseOverError(
  what: string,
  reason: EndReason,
): LeaseOverError | LimitExceededError {
  const { code, limit } = reason;
  const message = `${what}: the lease is over (${reason.message})`;
  const options = { cause: new Error(reason.message) };
  return limit === undefined
    ? new LeaseOverError(message, code, options)
    : new LimitExceededError(message, limit, options);
}

/** The error for a call whose connection was lost. */
export function lossError({ name, node, posted, culprit }: LostCall, verdict: Verdict): RfaasError {
  const outcome = posted ? "unknown" : "not-run";
  if (!verdict) {
    return new ExecutorLostError(
      `Cannot finish ${name}: its connection was lost for an unknown reason`,
      outcome,
    );
  }
  const { kind, reason } = verdict;
  const { code, limit, message } = reason;
  const cause = new Error(message);
  // A node that drains cuts its calls at the end of the grace period: their errors have an outcome.
  if (kind === "over" && code !== "draining") {
    return leaseOverError(`Cannot finish ${name}`, reason);
  }
  if (kind === "node") {
    return new NodeLostError(
      `Cannot finish ${name}: node ${node} is lost: ${message}`,
      outcome,
      { cause, code },
    );
  }
  if (code === "deadline" && culprit) {
    return new DeadlineExceededError(`Cannot finish ${name}: ${message}`, { cause });
  }
  if (limit !== undefined && culprit) {
    const text = `Cannot finish ${name}: its executor exceeded the ${limit} limit: ${message}`;
    return new LimitExceededError(text, limit, { cause });
  }
  return new ExecutorLostError(
    `Cannot finish ${name}: its executor is lost: ${message}`,
    outcome,
    { cause: limit === undefined ? cause : new LimitExceededError(message, limit), code },
  );
}

/** How an executor ends by what its functions do. */
const BY_FUNCTIONS: readonly EndCode[] = ["crashed", "silent", "limit", "deadline", "failed"];

/** The error for a lease whose executor ended while it loaded the package. */
export function loadLossError(node: string, verdict: Verdict): RfaasError {
  const cause = lossError({ name: "loading", node, posted: false, culprit: true }, verdict);
  if (verdict && !endedByFunctions(verdict)) return cause;
  const { limit, message = "for an unknown reason" } = verdict?.reason ?? {};
  const exceeded = limit === undefined ? "" : `it exceeded the ${limit} limit, `;
  return new LeaseRefusedError(
    `Cannot load the function package: its executor ended: ${exceeded}${message}`,
    "bad-package",
    { cause },
  );
}

/**
 * The error for a lease whose worker did not attach. If its functions ended the executor, it was loading them: another
 * executor may be reported before the client notices that the first one is gone.
 */
export function attachLossError(node: string, verdict: NonNullable<Verdict>): RfaasError {
  return endedByFunctions(verdict)
    ? loadLossError(node, verdict)
    : lossError({ name: "attaching", node, posted: false }, verdict);
}

function endedByFunctions({ kind, reason }: NonNullable<Verdict>): boolean {
  return kind === "executor" && BY_FUNCTIONS.includes(reason.code);
}
