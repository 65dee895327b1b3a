/** The body of `/v1/queue`. */
import { byteCount, className, count, plainName, timeMs, workerCount } from "./api_fields.ts";
import * as v from "../valibot.ts";

/** What may keep a node from a request. */
export type NodeObstacle =
  | "lost"
  | "draining"
  | "reserved"
  | "avoided"
  | "lacksCores"
  | "lacksMemory";

/** Why a request waits, as a code. */
export type WaitCode = "untried" | "behind" | "no-nodes" | "full" | "too-large";

/** Why a request waits: what the last attempt to grant it has found. */
export interface WaitReason {
  /**
   * `no-nodes`: no node lends. `full`: too little is free. `too-large`: all nodes that lend have too little, even without
   * other leases. `behind`: a request before it that is no larger was refused in the same round. `untried`: it has just
   * arrived.
   */
  readonly code: WaitCode;
  /** The same with its figures, for people. */
  readonly message: string;
  /**
   * How many nodes are out of the question, by the first obstacle of each: heartbeats are missing (`lost`), it drains, it
   * is reserved for a request that waits before this one, the client avoids it, or it lacks the free cores or the free
   * memory to serve the request whole. Left out with `untried` and `behind`.
   */
  readonly nodes?: Readonly<Record<NodeObstacle, number>>;
}

/** A request for a lease that waits for capacity. */
export interface WaitingEntry {
  /** Its place in the order in which requests are tried, of all clients, from 1. */
  readonly place: number;
  /** The name of the client's token. */
  readonly client: string;
  /** The class of the client. Left out if the resource manager's configuration names no classes. */
  readonly class?: string;
  /**
   * The core-seconds that its account has used, or the client if it has none, where older ones count less. Left out if
   * the resource manager's configuration names no classes.
   */
  readonly usedCoreSeconds?: number;
  /** The workers that it requests: as many cores. */
  readonly workers: number;
  /** The memory that it requests, in bytes. */
  readonly memoryBytes: number;
  /** When it arrived, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** When it is refused unless it was granted before, in milliseconds since 1970. */
  readonly untilMs: number;
  /** Why it waits. */
  readonly reason: WaitReason;
}

/** The response of `GET /v1/queue`. */
export interface QueueList {
  /** The resource manager's clock, in milliseconds since 1970. */
  readonly nowMs: number;
  /** The first 1,000 requests that the token may see, in their order. */
  readonly waiting: readonly WaitingEntry[];
  /** How many others the token may see. */
  readonly more: number;
}

const whole = count(0);

export const queueListSchema: v.GenericSchema<QueueList> = v.object({
  nowMs: timeMs,
  waiting: v.array(v.object({
    place: count(1),
    client: plainName,
    class: v.exactOptional(className),
    usedCoreSeconds: v.exactOptional(v.pipe(v.number(), v.minValue(0))),
    workers: workerCount,
    memoryBytes: byteCount,
    sinceMs: timeMs,
    untilMs: timeMs,
    reason: v.object({
      code: v.picklist(["untried", "behind", "no-nodes", "full", "too-large"]),
      message: v.string(),
      nodes: v.exactOptional(v.object({
        lost: whole,
        draining: whole,
        reserved: whole,
        avoided: whole,
        lacksCores: whole,
        lacksMemory: whole,
      })),
    }),
  })),
  more: whole,
});
