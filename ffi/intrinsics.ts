/**
 * Built-in functions, bound when this module is loaded.
 *
 * A function package may replace `Atomics.load` or `Uint8Array.prototype.set`, and its replacement would get the
 * runtime's own memory at the next call. Code that runs after foreign code was loaded uses these instead.
 */

export const atomicsLoad = Atomics.load;
export const atomicsStore = Atomics.store;
export const atomicsExchange = Atomics.exchange;
export const atomicsAdd = Atomics.add;
export const atomicsCompareExchange = Atomics.compareExchange;
export const nowMs: () => number = performance.now.bind(performance);

const call = Function.prototype.call;

/** `target.set(source, at)`, even if the prototype was changed. */
export const setBytes: (target: Uint8Array, source: Uint8Array, at: number) => void = call.bind(
  Uint8Array.prototype.set,
);

/** The built-in constructor; the property of the global object may be replaced later. */
export const ByteView = Uint8Array;

const stringify = JSON.stringify;
const encoder = new TextEncoder();
const encode: (encoder: TextEncoder, text: string) => Uint8Array<ArrayBuffer> = call.bind(
  TextEncoder.prototype.encode,
);

/** A value as JSON in UTF-8. */
export function encodeJson(value: unknown): Uint8Array<ArrayBuffer> {
  return encode(encoder, stringify(value));
}
