/** Calls one function for many inputs, with results in order. */

import { abortable } from "../../std/async.ts";
import { RfaasError } from "../errors.ts";

/** Options of {@linkcode Lease.map} and {@linkcode Lease.mapSettled}. */
export interface MapOptions {
  /** The calls in flight at a time, 1 or more. @default {workers * depth} */
  concurrency?: number;
  /** The time that each call may take, in milliseconds, 0 or more. @default {Infinity} */
  deadlineMs?: number;
  /** Gives up all calls. */
  signal?: AbortSignal;
  /** Called after each call that has ended, with their number, and with the number of inputs if they are an array. */
  onProgress?: (progress: { done: number; total: number | undefined }) => void;
}

/** The calls in flight at a time, the options, and the call for one input. Its signal fires when it is given up. */
export type MapTerms = readonly [
  concurrency: number,
  options: MapOptions,
  call: (input: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>,
];
/** The inputs in any form that can be iterated. */
type Inputs = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Runs `call` for all inputs, at most `concurrency` at a time. The first failure ends it and gives up the other calls.
 * Its error carries the results until then.
 */
export async function mapInputs(
  inputs: Inputs,
  ...[concurrency, options, call]: MapTerms
): Promise<Uint8Array[]> {
  const results: Uint8Array[] = [];
  try {
    await runLanes(inputs, concurrency, options, async (input, index, signal) => {
      try {
        results[index] = await call(input, signal);
      } catch (error) {
        if (error instanceof RfaasError && !signal.aborted) error.index = index;
        throw error;
      }
    });
  } catch (error) {
    // Array.from fills the holes.
    if (error instanceof RfaasError) error.results = Array.from(results);
    throw error;
  }
  return results;
}

/** The same, but a failure ends its own call alone. */
export async function settleInputs(
  inputs: Inputs,
  ...[concurrency, options, call]: MapTerms
): Promise<PromiseSettledResult<Uint8Array>[]> {
  const results: PromiseSettledResult<Uint8Array>[] = [];
  await runLanes(inputs, concurrency, options, async (input, index, signal) => {
    try {
      results[index] = { status: "fulfilled", value: await call(input, signal) };
    } catch (reason) {
      if (signal.aborted) throw reason;
      if (reason instanceof RfaasError) reason.index = index;
      results[index] = { status: "rejected", reason };
    }
  });
  return results;
}

/** Runs `work` for each input, in at most `concurrency` lanes. What it throws ends all lanes. */
async function runLanes(
  inputs: Inputs,
  concurrency: number,
  { signal, onProgress }: MapOptions,
  work: (input: Uint8Array, index: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new RangeError(`Cannot map: expected a concurrency of 1 or more, not ${concurrency}`);
  }
  signal?.throwIfAborted();
  const total = Array.isArray(inputs) ? inputs.length : undefined;
  const stop = new AbortController();
  const abort = () => stop.abort(signal!.reason);
  signal?.addEventListener("abort", abort, { once: true });
  let index = 0;
  let done = 0;
  let failure: { error: unknown } | undefined;
  const asynchronous = Symbol.asyncIterator in inputs ? inputs[Symbol.asyncIterator]() : undefined;
  const iterator = asynchronous ?? (inputs as Iterable<Uint8Array>)[Symbol.iterator]();
  /** Whether the iterator was left while it had no next input yet. */
  let stuck = false;
  const itemOf = ({ done, value }: IteratorResult<Uint8Array>) =>
    done ? undefined : { index: index++, input: value };
  let taking: Promise<unknown> = Promise.resolve();
  /** Takes inputs one at a time, in order, for all lanes. */
  const take = (of: AsyncIterator<Uint8Array>) => {
    const taken = taking.then(async () => {
      if (stop.signal.aborted) return undefined;
      stuck = true;
      const result = await abortable(of.next(), stop.signal);
      stuck = false;
      return itemOf(result);
    });
    taking = taken.catch(() => {});
    return taken;
  };
  // At once where that can be: else the first call has its reply before the second lane has its input, and calls run one
  // after the other on the first worker.
  const takeNow = () =>
    stop.signal.aborted ? undefined : itemOf(iterator.next() as IteratorResult<Uint8Array>);
  const lane = async () => {
    for (;;) {
      const item = asynchronous ? await take(asynchronous) : takeNow();
      if (!item) return;
      await work(item.input, item.index, stop.signal);
      onProgress?.({ done: ++done, total });
    }
  };
  const lanes = Array.from({ length: concurrency }, () =>
    lane().catch((error) => {
      failure ??= { error };
      stop.abort(
        new RfaasError("Cannot call: the call for another input failed", { cause: error }),
      );
    }));
  await Promise.all(lanes);
  // An abort between two calls fails neither, but the other inputs were given up.
  if (signal?.aborted) failure ??= { error: signal.reason };
  signal?.removeEventListener("abort", abort);
  if (failure) {
    const left = Promise.resolve(iterator.return?.());
    // A generator returns once it has its next input, which may never come.
    if (stuck) left.catch(() => {});
    else await left;
    throw failure.error;
  }
}
