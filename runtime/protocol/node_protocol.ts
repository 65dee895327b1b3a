/** Messages between a client and an executor manager on a control channel; docs/protocol.md describes them. */

import * as v from "../valibot.ts";
import { endReasonSchema } from "./end_reason.ts";
import { durationSchema, naturalSchema, secretSchema } from "./field_schemas.ts";
import { TRACEPARENT } from "../tracing/trace_context.ts";
import { serveTermsSchema } from "./serve_terms.ts";
import { MAX_DEPTH } from "./wire.ts";

/** The largest function package. */
export const MAX_PACKAGE_BYTES = 64 * 2 ** 20;

/** Request `admit`: claim a grant and start an executor for each worker. Its response is {@linkcode Admitted}. */
export const admitSchema = v.object({
  grant: v.string(),
  ...serveTermsSchema.entries,
  /** Where the client lends the package; the node reads it only if it does not have it. */
  package: v.object({
    sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
    address: naturalSchema,
    rkey: naturalSchema,
    length: v.pipe(naturalSchema, v.minValue(1), v.maxValue(MAX_PACKAGE_BYTES)),
  }),
  /** The trace that the claim is part of, as the header of W3C Trace Context has it. */
  traceparent: v.exactOptional(v.pipe(v.string(), v.regex(TRACEPARENT))),
});
export type Admit = v.InferOutput<typeof admitSchema>;

/** The executor of one worker: a part of the response to `admit`, and the event `executor` when it replaces another. */
export const executorSchema = v.object({
  /** The worker index. */
  worker: naturalSchema,
  /** Counts the executors that the worker has had on this node, from 1. */
  generation: naturalSchema,
  /** Where the worker listens. */
  address: v.string(),
  /** What a client must present to attach. */
  secret: secretSchema,
  /** `pooled`: it had booted before it was needed; `cold`: it had not. */
  start: v.picklist(["cold", "pooled"]),
  /** Milliseconds until there was a process, and from there until its worker listened. */
  bootMs: durationSchema,
  startMs: durationSchema,
});
export type Executor = v.InferOutput<typeof executorSchema>;

/** The number of a slot. */
export const slotSchema = v.pipe(naturalSchema, v.maxValue(MAX_DEPTH - 1));

/** The most executors of one control message: an entry has less than 300 bytes, with the longest address 400. */
export const MAX_EXECUTORS = 128;

/**
 * The response to `admit`: the executors of the workers, in their order. Where there are more than
 * {@linkcode MAX_EXECUTORS}, events `executors` of the same form precede it with the first ones.
 */
export const admittedSchema = v.object({ executors: v.array(executorSchema) });
export type Admitted = v.InferOutput<typeof admittedSchema>;

/** Event `executor-lost`: the executor of this worker and generation has ended. */
export const executorLostSchema = v.object({
  worker: naturalSchema,
  generation: naturalSchema,
  reason: endReasonSchema,
  /** The slot of the call that caused the end, where that is known. */
  slot: v.exactOptional(slotSchema),
});
export type ExecutorLost = v.InferOutput<typeof executorLostSchema>;

/** Request `renew`: the same lease with a later end. Its response is {@linkcode Renewed}. */
export const renewSchema = v.object({ grant: v.string() });
export type Renew = v.InferOutput<typeof renewSchema>;

export const renewedSchema = v.object({ expiresMs: v.number() });
export type Renewed = v.InferOutput<typeof renewedSchema>;

/** Event `over`: the node has ended the lease. */
export const overSchema = v.object({ reason: endReasonSchema });
export type Over = v.InferOutput<typeof overSchema>;

/** Event `draining`: the node drains, and ends the lease after the grace period. */
export const drainingSchema = v.object({ graceMs: durationSchema });
export type Draining = v.InferOutput<typeof drainingSchema>;
