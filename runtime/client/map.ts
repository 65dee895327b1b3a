/** Many inputs, one function, results in order. */

import { RfaasError } from "../errors.ts";

/** Options of {@linkcode Lease.map}. */
export interface MapOptions {
  /** Calls under way at a time. @default workers times depth */
  concurrency?: number;
  /** Milliseconds that each call may take. */
  deadlineMs?: number;
  /** Gives up the whole. */
  signal?: AbortSignal;
  /** Told after each result. `total` is known for arrays. */
  onProgress?: (progress: { done: number; total: number | undefined }) => void;
}

/** Runs `call` over all inputs with at most `concurrency` at a time; ends at the first failure and gives up the rest. */
export async function mapInputs(
  inputs: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  concurrency: number,
  options: MapOptions,
  call: (input: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>,
): Promise<Uint8Array[]> {
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new RangeError(`Cannot map: concurrency must be 1 or more, not ${concurrency}`);
  }
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const total = Array.isArray(inputs) ? inputs.length : undefined;
  const results: Uint8Array[] = [];
  const stop = new AbortController();
  const abort = () => stop.abort(signal!.reason);
  signal?.addEventListener("abort", abort, { once: true });
  let index = 0;
  let done = 0;
  let failure: { error: unknown } | undefined;
  const iterator = Symbol.asyncIterator in inputs
    ? inputs[Symbol.asyncIterator]()
    : inputs[Symbol.iterator]();
  let taking: Promise<unknown> = Promise.resolve();
  /** Inputs are taken one at a time, in their order, whoever asks. */
  const take = () => {
    const taken = taking.then(async () => {
      if (stop.signal.aborted) return undefined;
      const next = await iterator.next();
      return next.done ? undefined : { index: index++, input: next.value };
    });
    taking = taken.catch(() => {});
    return taken;
  };
  const lane = async () => {
    for (;;) {
      const item = await take();
      if (!item) return;
      try {
        results[item.index] = await call(item.input, stop.signal);
      } catch (error) {
        if (error instanceof RfaasError && !stop.signal.aborted) error.index = item.index;
        throw error;
      }
      onProgress?.({ done: ++done, total });
    }
  };
  const lanes = Array.from({ length: concurrency }, () =>
    lane().catch((error) => {
      failure ??= { error };
      stop.abort(new RfaasError("Cannot go on: another input has failed", { cause: error }));
    }));
  await Promise.all(lanes);
  // Between two calls an abort fails none of them, and yet the rest was given up.
  if (signal?.aborted) failure ??= { error: signal.reason };
  signal?.removeEventListener("abort", abort);
  if (failure) {
    await iterator.return?.();
    throw failure.error;
  }
  return results;
}
