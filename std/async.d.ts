/**
 * Rejects as soon as a signal is aborted, and settles as the promise does otherwise.
 *
 * @throws {unknown} The signal's reason.
 */
export function abortable<T>(p: Promise<T>, signal: AbortSignal): Promise<T>;
/**
 * Ends an iteration by throwing as soon as a signal is aborted.
 *
 * @throws {unknown} The signal's reason.
 */
export function abortable<T>(p: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T>;

/** Options of {@linkcode deadline}. */
export interface DeadlineOptions {
  /** Ends the wait earlier. */
  signal?: AbortSignal;
}

/**
 * Rejects when a promise has not settled in time.
 *
 * @param ms Milliseconds; without a limit from `Number.MAX_SAFE_INTEGER` on.
 * @throws {DOMException} `TimeoutError` when the time is over.
 * @throws {unknown} The reason of `options.signal`.
 */
export function deadline<T>(p: Promise<T>, ms: number, options?: DeadlineOptions): Promise<T>;

/**
 * Options of {@linkcode delay}. The package's `persistent` is left out: it has no effect in Deno 2.9,
 * where a timer is an object and not a number.
 */
export interface DelayOptions {
  /** Ends the wait earlier. */
  signal?: AbortSignal;
}

/**
 * Resolves after a time.
 *
 * @param ms Milliseconds; any number of them, more than 2^31 too.
 * @throws {unknown} The reason of `options.signal`.
 */
export function delay(ms: number, options?: DelayOptions): Promise<void>;
