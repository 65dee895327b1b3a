/** What clients and executor managers say to each other on a control channel; docs/protocol.md tells it in full. */

import { Permissions } from "../permissions.ts";
import * as v from "../valibot.ts";
import { MAX_DEPTH, MAX_SLOT_BYTES } from "./wire.ts";

const natural = v.pipe(v.number(), v.integer(), v.minValue(0));
const secret = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));

/** The largest function package. */
export const MAX_PACKAGE_BYTES = 64 * 2 ** 20;

/** Where workers stand in their lease. */
export const WorkerPlaces = v.pipe(v.array(v.pipe(natural, v.maxValue(1023))), v.maxLength(1024));

/** Request `admit`: claim a grant and start an executor. Answered by {@linkcode Executor}. */
export const Admit = v.object({
  grant: v.string(),
  workers: v.pipe(natural, v.minValue(1), v.maxValue(1024)),
  depth: v.pipe(natural, v.minValue(1), v.maxValue(MAX_DEPTH)),
  maxBytes: v.pipe(natural, v.minValue(1), v.maxValue(MAX_SLOT_BYTES)),
  /** The places of the workers in the lease, which other nodes may serve as well. Left out: from 0. */
  places: v.exactOptional(WorkerPlaces),
  /** Milliseconds; null is for ever. */
  hotMs: v.nullable(v.pipe(v.number(), v.minValue(0))),
  /** Whether the client wants to see what functions log. */
  logs: v.exactOptional(v.boolean(), false),
  /** Whether a WebAssembly module may import WASI. */
  wasi: v.exactOptional(v.boolean(), false),
  /** What its functions may do; left out: nothing. */
  permissions: v.exactOptional(Permissions),
  /** Where the client lends the package; it is read only when the node does not have it. */
  package: v.object({
    sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
    address: natural,
    rkey: natural,
    length: v.pipe(natural, v.minValue(1), v.maxValue(MAX_PACKAGE_BYTES)),
  }),
});
export type Admit = v.InferOutput<typeof Admit>;

/** An executor of the lease: the answer to `admit`, and the notice `executor` when a new one took over. */
export const Executor = v.object({
  /** Counts the executors of a lease, from 1. */
  generation: natural,
  /** One a worker, in their order. */
  addresses: v.array(v.string()),
  /** What must be shown to attach, 16 bytes as hex. */
  secret,
  /** `pooled`: it had booted before it was needed; `cold`: it had not. */
  start: v.picklist(["cold", "pooled"]),
  /** Milliseconds until there was a process, and from there until its workers listened. */
  bootMs: v.pipe(v.number(), v.minValue(0)),
  startMs: v.pipe(v.number(), v.minValue(0)),
});
export type Executor = v.InferOutput<typeof Executor>;

/** Notice `executor-lost`: the executor of this generation has ended, and why. */
export const ExecutorEnded = v.object({ generation: natural, reason: v.string() });
export type ExecutorEnded = v.InferOutput<typeof ExecutorEnded>;

/** Request `renew`: the same lease with a later end. Answered by {@linkcode Renewed}. */
export const Renew = v.object({ grant: v.string() });
export const Renewed = v.object({ expiresMs: v.number() });

/** Notice `over`: the node has ended the lease, and why. */
export const Over = v.object({ reason: v.string() });

/** Notice `draining`: the node is taken back, and ends the lease after so many milliseconds. */
export const Draining = v.object({ noticeMs: v.pipe(v.number(), v.minValue(0)) });
