/**
 * What a lease is served with. The app chooses it, the node and the executor check it, the workers follow it. A new
 * option of a lease is added here and in {@linkcode LeaseOptions}, and used where it applies: all messages between
 * carry the whole of this.
 */

import { permissionsSchema } from "../permissions.ts";
import * as v from "../valibot.ts";
import { durationSchema, naturalSchema } from "./field_schemas.ts";
import { MAX_DEPTH, MAX_LEASE_WORKERS, MAX_SLOT_BYTES } from "./wire.ts";

/** The longest grace period of calls. */
export const MAX_GRACE_MS = 3_600_000;

export const serveTermsSchema = v.object({
  /** The numbers of the workers within their lease, of which other nodes may serve more. */
  workerIndexes: v.pipe(
    v.array(v.pipe(naturalSchema, v.maxValue(MAX_LEASE_WORKERS - 1))),
    v.minLength(1),
    v.maxLength(MAX_LEASE_WORKERS),
    v.check((indexes) => new Set(indexes).size === indexes.length, "a worker index is repeated"),
    v.readonly(),
  ),
  /** Slots of each worker. */
  depth: v.pipe(naturalSchema, v.minValue(1), v.maxValue(MAX_DEPTH)),
  /** The largest argument or result. */
  maxBytes: v.pipe(naturalSchema, v.minValue(1), v.maxValue(MAX_SLOT_BYTES)),
  /** How long a worker polls after a call. Infinity becomes `null` in JSON, and is read back here. */
  hotMs: v.pipe(v.nullable(durationSchema), v.transform((ms) => ms ?? Infinity)),
  /** How long a function may run on after its call was given up, or after its deadline if it is asynchronous. */
  graceMs: v.pipe(durationSchema, v.maxValue(MAX_GRACE_MS)),
  /** Whether the client reads what functions log. */
  logs: v.boolean(),
  /** Whether a WebAssembly module may import WASI. */
  wasi: v.boolean(),
  /** What functions may do beyond computing. */
  permissions: permissionsSchema,
});
export type ServeTerms = v.InferOutput<typeof serveTermsSchema>;

/** The terms alone, of an object that has more. */
export function serveTermsOf(terms: ServeTerms): ServeTerms {
  return v.parse(serveTermsSchema, terms);
}

/** The indexes of workers that are numbered from 0. */
export function firstIndexes(workers: number): number[] {
  return Array.from({ length: workers }, (_, index) => index);
}
