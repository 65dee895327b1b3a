/** The options of a lease, and their checks. */

import { type ByteSize, DEFAULT_MEMORY_BYTES, parseBytes } from "../byte_size.ts";
import { MAX_LEASE_WAIT_MS, MAX_TERM_MS } from "../http/manager_api.ts";
import type { LogLevel } from "../control/log_relay.ts";
import {
  BOOLEAN,
  byteSize,
  CALLBACK,
  checkOptions,
  DURATION_MS,
  integer,
  type OptionKind,
  type OptionTable,
  SIGNAL,
} from "../options.ts";
import { checkPermissions, type FunctionPermissions } from "../permissions.ts";
import { GRACE_MS, MAX_LOAD_MS } from "../policy.ts";
import { firstIndexes, MAX_GRACE_MS, type ServeTerms } from "../protocol/serve_terms.ts";
import { MAX_DEPTH, MAX_LEASE_WORKERS, MAX_SLOT_BYTES } from "../protocol/wire.ts";

/** Options of {@linkcode Client.lease}. */
export interface LeaseOptions {
  /**
   * The number of workers, 1 to 1,024: threads that run functions, with a core each. If no node has the capacity for all
   * of them, several nodes serve. @default {1}
   */
  workers?: number;
  /**
   * The memory of the functions of all workers, in bytes: each worker has an equal share, and no more. On several nodes
   * each has the share of its workers, rounded up. The slots come on top: two times `depth` times `maxBytes` for each
   * worker, and a little for headers, which count in quotas and bills too. @default {"256MiB"}
   */
  memory?: ByteSize;
  /** The term in milliseconds, 1,000 to 86,400,000. @default {60_000} */
  termMs?: number;
  /** Whether the term is renewed while the lease is open. @default {true} */
  renew?: boolean;
  /**
   * How long to wait for capacity, in milliseconds, 0 to 600,000. Waiting requests are served in order. `signal` and
   * closing the client end the wait. @default {0}
   */
  waitMs?: number;
  /**
   * How long a worker polls after a call before it sleeps, in milliseconds, 0 to Infinity. A worker that shares its only
   * core with the calling thread sleeps at once. @default {100}
   */
  hotMs?: number;
  /**
   * How long a function may run on after its call was given up, in milliseconds, 0 to 3,600,000; after the deadline, if it
   * is asynchronous. Its signal fires first. Then its worker is replaced. @default {300}
   */
  graceMs?: number;
  /**
   * How long a worker may take to load the package, its `init` included, in milliseconds, 1 to 600,000. Models of machine
   * learning need more than the default where cores are shared. @default {10_000}
   */
  loadMs?: number;
  /** The largest argument or result, in bytes, 1 B to 1 GiB. @default {"1MiB"} */
  maxBytes?: ByteSize;
  /** The slots of a worker, 1 to 256: how many calls may be in flight on it. @default {4} */
  depth?: number;
  /**
   * The function package: the URL or path of a JavaScript or TypeScript module, which is bundled, of a WebAssembly module
   * or of a shared library; or the bytes of any of them, those of a module bundled already.
   */
  functions: URL | string | Uint8Array;
  /**
   * Gives a WebAssembly module WASI (preview 1): the time and random bytes, no files, no network. Without it a module with
   * imports is refused. @default {false}
   */
  wasi?: boolean;
  /**
   * The functions that may run twice for one call, or `true` for all. A call that loses its executor then runs again on
   * another one. @default {[]}
   */
  idempotent?: true | readonly string[];
  /** Whether the time of each call but streams is recorded, for {@linkcode Lease.stats}: it costs a call two readings of the clock. @default {false} */
  latency?: boolean;
  /** Called with each line that functions log, by their context or by the console. Left out: no line is sent. */
  onLog?: (line: LogLine) => void;
  /**
   * What the functions may do beyond computing. A node whose owner does not allow it refuses the lease with the reason
   * `permissions`. Such a lease runs in a process that is booted for it. @default {{}}
   */
  permissions?: FunctionPermissions;
  /**
   * Where the app records traces of OpenTelemetry, the share of calls outside of any trace that begin one, 0 to 1. Calls
   * with an active span are part of its trace in any case. Prepared calls are in no trace. @default {0}
   */
  traceRate?: number;
  /** Gives up taking the lease. */
  signal?: AbortSignal;
}

/** The options, checked and with defaults. */
export interface CheckedLeaseOptions extends ServeTerms {
  readonly memoryBytes: number;
  readonly termMs: number;
  readonly renew: boolean;
  readonly waitMs: number;
  /** Left out: as long as attaching to a worker may take. */
  readonly loadMs: number | undefined;
  readonly idempotent: true | ReadonlySet<string>;
  readonly traceRate: number;
  readonly latency: boolean;
}

/** A line that a function logged. */
export interface LogLine {
  /** The index of the worker that logged it. Left out for a line of rfaas itself, such as the number of dropped lines. */
  readonly worker?: number;
  /** The method of the console that printed it, or `info` for the log of a context. */
  readonly level: LogLevel;
  /** The line, without its end. What one call of the console printed is one line, with line breaks in it. */
  readonly text: string;
}

const FUNCTIONS: OptionKind = {
  expected: "a path, a URL or the bytes of a function package",
  accepts: (value) =>
    (typeof value === "string" && value !== "") || value instanceof URL ||
    value instanceof Uint8Array,
};
const IDEMPOTENT: OptionKind = {
  expected: "true or a list of names",
  accepts: (value) =>
    value === true || (Array.isArray(value) && value.every((name) => typeof name === "string")),
};
const PERMISSIONS: OptionKind = {
  expected: "an object of lists",
  accepts: (value) => typeof value === "object" && value !== null, // checkPermissions() follows
};
const RATE: OptionKind = {
  expected: "a number from 0 to 1",
  accepts: (value) => typeof value === "number" && value >= 0 && value <= 1,
  range: true,
};

const LEASE_OPTIONS: OptionTable<LeaseOptions> = {
  workers: integer(1, MAX_LEASE_WORKERS),
  memory: byteSize(0, Number.MAX_SAFE_INTEGER),
  termMs: integer(1000, MAX_TERM_MS),
  renew: BOOLEAN,
  waitMs: integer(0, MAX_LEASE_WAIT_MS),
  hotMs: DURATION_MS,
  graceMs: integer(0, MAX_GRACE_MS),
  loadMs: integer(1, MAX_LOAD_MS),
  maxBytes: byteSize(1, MAX_SLOT_BYTES),
  depth: integer(1, MAX_DEPTH),
  functions: FUNCTIONS,
  wasi: BOOLEAN,
  idempotent: IDEMPOTENT,
  latency: BOOLEAN,
  onLog: CALLBACK,
  permissions: PERMISSIONS,
  traceRate: RATE,
  signal: SIGNAL,
};

/**
 * Checks the options of a lease.
 *
 * @throws {RangeError} When a number is out of range, or a size is not readable. The message has option and value.
 * @throws {TypeError} When there is no such option, a value has another type, or a permission is not valid.
 */
export function checkLeaseOptions(options: LeaseOptions): CheckedLeaseOptions {
  checkOptions("take lease", options, LEASE_OPTIONS);
  if (options.functions === undefined) {
    throw new TypeError(`Cannot take lease: expected ${FUNCTIONS.expected} as functions`);
  }
  const { idempotent = [] } = options;
  return {
    workerIndexes: firstIndexes(options.workers ?? 1),
    memoryBytes: parseBytes(options.memory ?? DEFAULT_MEMORY_BYTES, "memory"),
    termMs: options.termMs ?? 60_000,
    renew: options.renew ?? true,
    waitMs: options.waitMs ?? 0,
    hotMs: options.hotMs ?? 100,
    graceMs: options.graceMs ?? GRACE_MS,
    loadMs: options.loadMs,
    maxBytes: parseBytes(options.maxBytes ?? "1MiB", "maxBytes"),
    permissions: checkPermissions(options.permissions),
    depth: options.depth ?? 4,
    idempotent: idempotent === true || new Set(idempotent),
    latency: options.latency === true,
    logs: options.onLog !== undefined,
    wasi: options.wasi === true,
    traceRate: options.traceRate ?? 0,
  };
}
