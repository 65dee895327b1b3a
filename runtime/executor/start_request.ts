/** What an executor manager asks of an executor, and what it checks of it. */

import * as v from "../valibot.ts";
import { CoreWords } from "./core_token.ts";
import { MAX_DEPTH, MAX_SLOT_BYTES } from "../protocol/wire.ts";

/** The longest limit of a call's time: an hour, as its microseconds are counted in 32 bits. */
export const MAX_CALL_MS = 3_600_000;

const natural = v.pipe(v.number(), v.integer(), v.minValue(0));

/** The request `start`: serve one lease. Answered by the addresses of the workers. */
export const StartRequest = v.object({
  /** The lease's id. */
  lease: v.pipe(v.string(), v.maxLength(256)),
  /** Whether the client wants to see what functions log. */
  logs: v.boolean(),
  /** Whether a WebAssembly module may import WASI. */
  wasi: v.boolean(),
  workers: v.pipe(natural, v.minValue(1), v.maxValue(1024)),
  /** Their places in the lease. */
  places: v.array(natural),
  depth: v.pipe(natural, v.minValue(1), v.maxValue(MAX_DEPTH)),
  maxBytes: v.pipe(natural, v.minValue(1), v.maxValue(MAX_SLOT_BYTES)),
  /** The memory of the lease's functions, for all workers together: its slots lie beside that. */
  memoryBytes: natural,
  /** Milliseconds; null is for ever. */
  hotMs: v.nullable(v.pipe(v.number(), v.minValue(0))),
  /** Where the workers listen: a provider's name, or an address such as `verbs://HOST:0`. */
  listen: v.pipe(v.string(), v.regex(/^(shm|verbs:\/\/[^\s/]{1,255}:0)$/)),
  /** What clients must show to attach, 16 bytes as hex. */
  secret: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  /** Where the executor adds what its workers spend: the words of usage_counter.ts. */
  counters: v.object({ address: natural, rkey: natural }),
  /** The node's cores, where its workers outnumber them. */
  coreWords: v.exactOptional(CoreWords),
  /** Whether the operating system keeps this process from the host: native code runs nowhere else. */
  sandboxed: v.boolean(),
  /** The longest that a call may take, in milliseconds, whatever its deadline; left out: as long as it likes. */
  callMs: v.exactOptional(v.pipe(natural, v.minValue(1), v.maxValue(MAX_CALL_MS))),
  /** The cores that the workers keep to, by their numbers here; left out: wherever the kernel puts them. */
  pins: v.exactOptional(v.array(v.pipe(natural, v.maxValue(1023)))),
  package: v.object({ address: natural, rkey: natural, length: natural }),
});
export type StartRequest = v.InferOutput<typeof StartRequest>;

/** One that is sound, for a rehearsal of its check. */
export const REHEARSED_START: StartRequest = {
  lease: "0",
  logs: false,
  wasi: false,
  workers: 1,
  places: [0],
  depth: 1,
  maxBytes: 1,
  memoryBytes: 1,
  hotMs: 0,
  listen: "shm",
  secret: "0".repeat(32),
  counters: { address: 0, rkey: 0 },
  sandboxed: false,
  package: { address: 0, rkey: 0, length: 0 },
};

/** Notice `listening`: where the first worker listens in shared memory, whatever the lease will be. */
export const Listening = v.object({ address: v.pipe(v.string(), v.regex(/^shm:[^\s]{1,255}$/)) });

/** The answer to `start`. */
export const Started = v.object({ addresses: v.array(v.string()) });
export type Started = v.InferOutput<typeof Started>;
