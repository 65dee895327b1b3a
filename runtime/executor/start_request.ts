/** Messages between an executor manager and an executor on their control channel. */

import { NO_PERMISSIONS } from "../permissions.ts";
import * as v from "../valibot.ts";
import { naturalSchema, secretSchema } from "../protocol/field_schemas.ts";
import { serveTermsSchema } from "../protocol/serve_terms.ts";
import { MAX_LEASE_WORKERS } from "../protocol/wire.ts";
import { coreWordsSchema } from "./core_token.ts";

/** The longest limit of a call's time: an hour, as its microseconds are counted in 32 bits. */
export const MAX_CALL_MS = 3_600_000;

/** The highest number of a core that an executor can keep to: a mask has 1,024 bits (ffi/affinity.ts). */
const MAX_CORE = 1023;

const { workerIndexes: _all, ...workerTerms } = serveTermsSchema.entries;

/** The request `start`: serve one worker of a lease. Its response is {@linkcode Started}. */
export const startRequestSchema = v.object({
  /** The lease's id. */
  lease: v.pipe(v.string(), v.maxLength(256)),
  ...workerTerms,
  /** The worker index. */
  worker: v.pipe(naturalSchema, v.maxValue(MAX_LEASE_WORKERS - 1)),
  /** How many workers of the lease the node serves: they share its rate of log lines. */
  workers: v.pipe(naturalSchema, v.minValue(1), v.maxValue(MAX_LEASE_WORKERS)),
  /** The memory of the worker's functions; slots are not part of it. */
  memoryBytes: naturalSchema,
  /** Where the worker listens: `shm`, or an address such as `verbs://HOST:0`. */
  listen: v.pipe(v.string(), v.regex(/^(shm|verbs:\/\/[^\s/]{1,255}:0)$/)),
  /** What the client must present to attach. */
  secret: secretSchema,
  /** Where the executor adds what its worker spends: the words of usage_counter.ts. */
  counters: v.object({ address: naturalSchema, rkey: naturalSchema }),
  /** The node's cores, where its leased workers outnumber them. */
  coreWords: v.exactOptional(coreWordsSchema),
  /** Whether the operating system keeps this process from the host: native code runs nowhere else. */
  sandboxed: v.boolean(),
  /** The longest that a call may take, in milliseconds, whatever its deadline. Left out: no limit. */
  callMs: v.exactOptional(v.pipe(naturalSchema, v.minValue(1), v.maxValue(MAX_CALL_MS))),
  /** The core that the process keeps to. Left out: the kernel places it. */
  pin: v.exactOptional(v.pipe(naturalSchema, v.maxValue(MAX_CORE))),
  package: v.object({ address: naturalSchema, rkey: naturalSchema, length: naturalSchema }),
});
export type StartRequest = v.InferOutput<typeof startRequestSchema>;

/**
 * The package of a rehearsal. The executor loads this one, not the bytes that it reads: a lease that begins meanwhile is
 * lent in the same place, and the worker of a rehearsal has rights that no package may have.
 */
export const SAMPLE_PACKAGE: Uint8Array<ArrayBuffer> = new TextEncoder().encode(
  "export function sample() { return 0; }",
);

/** With a package, the request `rehearse`: what an executor without a lease runs once. It counts nothing. */
export const SAMPLE_START: Omit<StartRequest, "package"> = {
  lease: "0",
  worker: 0,
  workers: 1,
  depth: 1,
  maxBytes: 1,
  hotMs: 0,
  graceMs: 0,
  logs: false,
  wasi: false,
  permissions: NO_PERMISSIONS,
  memoryBytes: 1,
  listen: "shm",
  secret: "0".repeat(32),
  counters: { address: 0, rkey: 0 },
  sandboxed: false,
};

/** Event `listening`: where the worker listens in shared memory, whatever the lease will be. */
export const listeningSchema = v.object({
  address: v.pipe(v.string(), v.regex(/^shm:[^\s]{1,255}$/)),
});
export type Listening = v.InferOutput<typeof listeningSchema>;

/** The response to `start`: where the worker listens. */
export const startedSchema = v.object({ address: v.string() });
export type Started = v.InferOutput<typeof startedSchema>;
