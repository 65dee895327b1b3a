/** What an app may ask of a lease, and the checks on it. */

import { maxLeaseWaitMs } from "../http/manager_api.ts";
import { type AllPermissions, checkPermissions, type FunctionPermissions } from "../permissions.ts";
import { MAX_DEPTH, MAX_SLOT_BYTES } from "../protocol/wire.ts";

/** A number of bytes, or a text such as `"256MiB"` (KiB, MiB, GiB, TiB; kB, MB, GB, TB). */
export type ByteSize = number | string;

/** The memory of a lease that names none: what nodes keep executors ready for. */
export const DEFAULT_MEMORY_BYTES = 256 * 2 ** 20;

/** Options of {@linkcode Client.lease}. */
export interface LeaseOptions {
  /**
   * Workers: threads with a core's worth of time each. If no node has room for all of them, several nodes serve.
   * @default {1}
   */
  workers?: number;
  /**
   * Memory of the functions of all workers. On several nodes each has the share of its workers, rounded up. The slots
   * come on top: the lease takes twice `depth` times `maxBytes` more of its nodes for each worker, and a little for
   * their heads; that counts in quotas and bills as well. @default {"256MiB"}
   */
  memory?: ByteSize;
  /** The term in seconds, 1 to 86400. It is renewed while the lease is open. @default {60} */
  seconds?: number;
  /** Whether the term is renewed while the lease is open. @default {true} */
  renew?: boolean;
  /**
   * How long to wait, in seconds, 0 to 600, while there is no room. Who waits is served in turn. Closing the client and
   * `signal` end the wait. @default {0}
   */
  wait?: number;
  /** Milliseconds a worker polls after its last call before it sleeps: 0 always sleeps, Infinity never. @default {100} */
  hotMs?: number;
  /** The largest argument or result. @default {"1MiB"} */
  maxBytes?: ByteSize;
  /** Slots a worker: calls that may be under way on it at once, 1 to 256. @default {4} */
  depth?: number;
  /**
   * The function package: the URL or path of a module, which is bundled, of a WebAssembly module or of a shared library;
   * or the bytes of one (of a module: bundled).
   */
  functions: URL | string | Uint8Array;
  /**
   * Grants a WebAssembly module what rfaas has of WASI (preview 1): the time and random bytes, no files, no network.
   * Without it a module with imports is refused. @default {false}
   */
  wasi?: boolean;
  /**
   * Functions that may run twice, or `true` for all: calls that were cut are done again on another executor.
   * @default {[]}
   */
  idempotent?: true | readonly string[];
  /** Told each line that functions log by their context; without it none is sent. */
  onLog?: (line: LogLine) => void;
  /**
   * What the functions may do beyond computing, as far as a node's owner allows it; else the lease is refused with the
   * reason `permissions`. Such a lease gets a process of its own, booted for it. @default {nothing}
   */
  permissions?: FunctionPermissions;
  /** Gives up taking the lease. */
  signal?: AbortSignal;
}

/** The options, checked and with their defaults. */
export interface CheckedLeaseOptions {
  readonly workers: number;
  readonly memoryBytes: number;
  readonly seconds: number;
  readonly renew: boolean;
  readonly waitMs: number;
  readonly hotMs: number;
  readonly maxBytes: number;
  readonly depth: number;
  readonly permissions: AllPermissions;
  readonly idempotent: true | ReadonlySet<string>;
  readonly logs: boolean;
  readonly wasi: boolean;
}

/** A line that a function logged. */
export interface LogLine {
  /** The worker it came from; none for what rfaas itself has to say, such as how many lines were dropped. */
  readonly worker?: number;
  readonly text: string;
}

const UNITS: Record<string, number> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/**
 * Reads a number of bytes.
 *
 * @example
 * ```ts
 * import { parseBytes } from "./lease_options.ts";
 * parseBytes("256MiB", "memory"); // 268435456
 * ```
 *
 * @throws {RangeError} naming the option and the value.
 */
export function parseBytes(size: ByteSize, option: string): number {
  const match = typeof size === "number"
    ? [size, size, ""]
    : /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?b|)\s*$/i.exec(size);
  const bytes = match
    ? Math.round(Number(match[1]) * (UNITS[String(match[2]).toLowerCase()] ?? NaN))
    : NaN;
  if (!Number.isSafeInteger(bytes) || bytes < 0) {
    throw new RangeError(
      `Cannot read ${option}: expected bytes or a text such as "256MiB", not ${
        JSON.stringify(size)
      }`,
    );
  }
  return bytes;
}

/** @throws {RangeError} naming the option, the value and what is allowed. */
export function checkLeaseOptions(options: LeaseOptions): CheckedLeaseOptions {
  const integer = (name: string, value: number, from: number, to: number) => {
    if (!Number.isInteger(value) || value < from || value > to) {
      throw new RangeError(
        `Cannot take lease: ${name} must be an integer from ${from} to ${to}, not ${value}`,
      );
    }
    return value;
  };
  const hotMs = options.hotMs ?? 100;
  if (typeof hotMs !== "number" || !(hotMs >= 0)) {
    throw new RangeError(`Cannot take lease: hotMs must be 0 or more, not ${hotMs}`);
  }
  const { wait = 0 } = options;
  const maxWait = maxLeaseWaitMs / 1000;
  if (typeof wait !== "number" || !(wait >= 0 && wait <= maxWait)) {
    throw new RangeError(`Cannot take lease: wait must be 0 to ${maxWait} seconds, not ${wait}`);
  }
  return {
    workers: integer("workers", options.workers ?? 1, 1, 1024),
    memoryBytes: parseBytes(options.memory ?? DEFAULT_MEMORY_BYTES, "memory"),
    seconds: integer("seconds", options.seconds ?? 60, 1, 86_400),
    renew: options.renew ?? true,
    waitMs: Math.ceil(wait * 1000),
    hotMs,
    maxBytes: integer(
      "maxBytes",
      parseBytes(options.maxBytes ?? "1MiB", "maxBytes"),
      1,
      MAX_SLOT_BYTES,
    ),
    permissions: checkPermissions(options.permissions),
    depth: integer("depth", options.depth ?? 4, 1, MAX_DEPTH),
    idempotent: options.idempotent === true || new Set(options.idempotent ?? []),
    logs: options.onLog !== undefined,
    wasi: options.wasi === true,
  };
}
