/** Why a lease, a part of a lease or an executor ended: a code for programs, a message for people. */

import { MAX_REASON_CHARACTERS } from "../policy.ts";
import * as v from "../valibot.ts";

/**
 * Why something ended, as a word for programs; docs/protocol.md has the table.
 *
 * An executor may end while its lease goes on:
 *
 * - `crashed`: a worker could not go on, or the process exited or received a fatal signal.
 * - `killed`: something outside of rfaas killed the process, such as the host's operator.
 * - `deadline`: a call ran on after its deadline.
 * - `abandoned`: a call ran on after its client had given it up.
 * - `silent`: a worker or its process stopped responding.
 * - `limit`: it exceeded the limit that {@linkcode EndReason.limit} names.
 * - `failed`: it could not start, or could not load the function package.
 * - `client-gone`: its client disconnected.
 * - `stopped`: its executor manager stopped it.
 *
 * A part of a lease, or all of it, may end for these reasons too:
 *
 * - `closed`: the app closed the lease.
 * - `released`: the client released the lease, or a part of it that moved to another node.
 * - `expired`: the term is over.
 * - `draining`: the node drains, and the grace period is over.
 * - `crash-loop`: no worker can be kept alive, since each executor ends soon after its start.
 * - `revoked`: the resource manager ended the lease, or has no such lease.
 * - `node-closing`: the executor manager of the node shuts down.
 * - `node-lost`: the executor manager of the node is unreachable.
 * - `no-executor`: no executor replaced the last one in time.
 * - `other`: a reason that this version of rfaas does not have.
 */
export type EndCode =
  | "crashed"
  | "killed"
  | "deadline"
  | "abandoned"
  | "silent"
  | "limit"
  | "failed"
  | "client-gone"
  | "stopped"
  | "closed"
  | "released"
  | "expired"
  | "draining"
  | "crash-loop"
  | "revoked"
  | "node-closing"
  | "node-lost"
  | "no-executor"
  | "other";

/** The codes that an executor's own report may name. */
const EXECUTOR_CODES = [
  "crashed",
  "killed",
  "deadline",
  "abandoned",
  "silent",
  "limit",
  "failed",
  "client-gone",
  "stopped",
] as const satisfies readonly EndCode[];

/** Every code, each at the number that stands for it in shared memory. */
export const END_CODES = [
  ...EXECUTOR_CODES,
  "closed",
  "released",
  "expired",
  "draining",
  "crash-loop",
  "revoked",
  "node-closing",
  "node-lost",
  "no-executor",
  "other",
] as const satisfies readonly EndCode[];

/** A limit of a lease: its memory, the time of one call, its processor time, or the threads of an executor. */
export type LimitName = "memory" | "call" | "cpu" | "threads";

const LIMITS: readonly LimitName[] = ["memory", "call", "cpu", "threads"];

/** Why a lease, a part of it, or an executor ended. */
export interface EndReason {
  /** For programs. */
  readonly code: EndCode;
  /** For people; no program should depend on it. */
  readonly message: string;
  /** The limit that was exceeded, where `code` is `limit`. */
  readonly limit?: LimitName;
}

export function endReason(code: Exclude<EndCode, "limit">, message: string): EndReason {
  return { code, message };
}

export function limitReason(limit: LimitName, message: string): EndReason {
  return { code: "limit", message, limit };
}

/** What a lease ends with that its app closed. */
export const CLOSED = endReason("closed", "closed by the client");

function reasonSchema(known: readonly EndCode[]) {
  return v.pipe(
    v.object({
      code: v.string(),
      message: v.string(),
      limit: v.exactOptional(v.string()),
    }),
    v.transform(({ code, message, limit }) => {
      const text = message.slice(0, MAX_REASON_CHARACTERS);
      const found = known.find((each) => each === code) ?? "other";
      if (found !== "limit") return endReason(found, text);
      const exceeded = LIMITS.find((each) => each === limit);
      return exceeded === undefined ? endReason("other", text) : limitReason(exceeded, text);
    }),
  );
}

/** Checks a reason from a peer. A code or limit of a newer version becomes `other`; a message is cut. */
export const endReasonSchema = reasonSchema(END_CODES);

/** Checks what an executor reports of its own end: a compromised one may not name what only its node can detect. */
export const executorReasonSchema = reasonSchema(EXECUTOR_CODES);

/** A reason as one line, for logs and for the resource manager's reports. */
export function endReasonText({ code, message, limit }: EndReason): string {
  return limit === undefined ? `${code}: ${message}` : `${code}: ${limit}: ${message}`;
}

/** A code, and its limit if it has one, as a number that fits a word of shared memory. */
export function endReasonNumber({ code, limit }: EndReason): number {
  return END_CODES.indexOf(code) | (limit === undefined ? 0 : LIMITS.indexOf(limit) << 8);
}

/** @param number of {@linkcode endReasonNumber}. */
export function endReasonOf(number: number, message: string): EndReason {
  const code = END_CODES[number & 0xff] ?? "other";
  return code === "limit" ? limitReason(LIMITS[number >> 8]!, message) : endReason(code, message);
}
