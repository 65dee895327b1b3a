/**
 * The ways in which an example shares its work: this thread alone, or this thread with threads of its own, with leased
 * workers, or with processes behind `Deno.serve`. The functions are the same module in each way.
 *
 * @module
 */

/** A call of a function of a worker, with its own buffers. A worker has one call in flight at a time. */
export interface WayCall extends Disposable {
  /** Write the argument at its beginning. */
  readonly input: Uint8Array;
  /** Has the result at its beginning until the next call. */
  readonly output: Uint8Array;
  /** Sends the call, with `length` bytes of `input`. */
  start(length: number): void | Promise<void>;
  /** Waits for the reply, and returns the length of the result. */
  finish(): number | Promise<number>;
}

/** The sizes of the buffers of a call, in bytes. */
export interface CallSizes {
  readonly bytes: number;
  readonly resultBytes: number;
}

/** What computes beside this thread. */
export interface WayWorker {
  prepare(name: string, sizes: CallSizes): WayCall;
}

/** A choice of the command line. `local` is one thread and several. */
export type WayKind = "local" | "lease" | "http";

/** One way, open. */
export interface Way extends AsyncDisposable {
  /** For people: `lease, 1 worker`. */
  readonly name: string;
  readonly kind: "thread" | "threads" | "lease" | "http";
  /** Empty where this thread computes alone. */
  readonly workers: readonly WayWorker[];
  /** Calls a function for each input, on any worker; only of a lease. */
  map?(name: string, inputs: readonly Uint8Array[]): Promise<Uint8Array[]>;
}

/** What a way runs. */
export interface WayFunctions {
  /** The module with the functions. */
  readonly module: URL;
  /** The package of leased workers, if it is not the module: WebAssembly, or a shared library. */
  readonly leased?: URL | Uint8Array;
  /** The largest argument or result, in bytes. */
  readonly maxBytes: number;
  /** Memory of the functions of all leased workers, in bytes. */
  readonly memory: number;
  /** Calls that may be prepared at a time on a leased worker. @default {4} */
  readonly depth?: number;
  /** How long a leased worker may take to load the package, in milliseconds. @default {10_000} */
  readonly loadMs?: number;
}

/** How long workers of any way spin after a call, in milliseconds: the pause between turns is longer. */
export const HOT_MS = 5;

/** Sends a call and waits for its reply. @returns the result, valid until the next call. */
export async function callNow(call: WayCall, argument: Uint8Array): Promise<Uint8Array> {
  call.input.set(argument);
  await call.start(argument.length);
  const length = await call.finish(); // may replace the buffer
  return call.output.subarray(0, length);
}

/** Divides rows between workers, in multiples of `unit`. @returns the first row of each, and the end. */
export function divideRows(rows: number, workers: number, unit = 1): number[] {
  const units = Math.ceil(rows / unit);
  return Array.from(
    { length: workers + 1 },
    (_, i) => Math.min(rows, unit * Math.round(i * units / workers)),
  );
}
