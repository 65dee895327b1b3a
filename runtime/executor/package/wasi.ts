/**
 * The part of WASI (preview 1) that a WebAssembly module may import if its lease grants it: the time, random bytes, and
 * `proc_exit`. There are no arguments, no environment and no files. What the module prints is dropped, as is what other
 * functions write to standard output. The module can therefore do no more than they can.
 *
 * Source: WASI/legacy/preview1/docs.md.
 */

/** The module name in its imports. */
export const WASI_MODULE = "wasi_snapshot_preview1";

const SUCCESS = 0;
const BAD_DESCRIPTOR = 8;
const INVALID = 28;
const NOT_SUPPORTED = 52;
const REALTIME = 0;
const MONOTONIC = 1;
const NS_PER_MS = 1e6;
/** The most bytes that one `crypto.getRandomValues` returns (Web Cryptography API, 10.1.1). */
const MAX_RANDOM_BYTES = 65_536;

type WasiFunction = (...values: number[]) => number;

/** Returns functions for these names. Those that rfaas does not implement return the error "not supported". */
export function wasiFunctions(
  names: readonly string[],
  memory: () => WebAssembly.Memory,
): Record<string, WasiFunction> {
  const known = new Map<string, WasiFunction>(Object.entries(supportedFunctions(memory)));
  return Object.fromEntries(names.map((name) => [name, known.get(name) ?? (() => NOT_SUPPORTED)]));
}

function supportedFunctions(memory: () => WebAssembly.Memory): Record<string, WasiFunction> {
  const view = () => new DataView(memory().buffer);
  const setU32 = (at: number, value: number) => view().setUint32(at, value, true);
  const setU64 = (at: number, value: number) => view().setBigUint64(at, BigInt(value), true);
  const nothing: WasiFunction = (count, bytes) => {
    setU32(count!, 0);
    setU32(bytes!, 0);
    return SUCCESS;
  };
  const clock = (id: number) =>
    id === REALTIME ? Date.now() : id === MONOTONIC ? performance.now() : undefined;
  const isPrinted = (descriptor: number) => descriptor === 1 || descriptor === 2;
  return {
    args_sizes_get: nothing,
    args_get: () => SUCCESS,
    environ_sizes_get: nothing,
    environ_get: () => SUCCESS,
    clock_res_get(id, at) {
      if (clock(id!) === undefined) return INVALID;
      setU64(at!, NS_PER_MS);
      return SUCCESS;
    },
    clock_time_get(id, _precision, at) {
      const ms = clock(id!);
      if (ms === undefined) return INVALID;
      setU64(at!, Math.round(ms * NS_PER_MS));
      return SUCCESS;
    },
    random_get(at, length) {
      const bytes = new Uint8Array(memory().buffer, at! >>> 0, length! >>> 0);
      for (let from = 0; from < bytes.length; from += MAX_RANDOM_BYTES) {
        crypto.getRandomValues(bytes.subarray(from, from + MAX_RANDOM_BYTES));
      }
      return SUCCESS;
    },
    fd_write(descriptor, vectors, count, written) {
      if (!isPrinted(descriptor!)) return BAD_DESCRIPTOR;
      let length = 0;
      for (let i = 0; i < count!; i++) length += view().getUint32(vectors! + 8 * i + 4, true);
      setU32(written!, length);
      return SUCCESS;
    },
    fd_fdstat_get: (descriptor) => isPrinted(descriptor!) ? NOT_SUPPORTED : BAD_DESCRIPTOR,
    fd_prestat_get: () => BAD_DESCRIPTOR, // the module has no open folder
    fd_prestat_dir_name: () => BAD_DESCRIPTOR,
    fd_close: () => BAD_DESCRIPTOR,
    fd_read: () => BAD_DESCRIPTOR,
    fd_seek: () => BAD_DESCRIPTOR,
    sched_yield: () => SUCCESS,
    proc_exit(status) {
      throw new Error(`Cannot continue: the module called proc_exit with status ${status}`);
    },
  };
}
