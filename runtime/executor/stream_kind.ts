/** Whether a function gives many results, and whether each is there at once. */

// Held before foreign code is loaded.
const prototypeOf = Object.getPrototypeOf;
const GENERATOR: unknown = prototypeOf(function* () {});
const ASYNC_GENERATOR: unknown = prototypeOf(async function* () {});

/** NONE is falsy, as a missing one is. */
export const StreamKind = { NONE: 0, SYNC: 1, ASYNC: 2 } as const;
export type StreamKind = (typeof StreamKind)[keyof typeof StreamKind];

/** The kind of a function as it was written. */
export function streamKind(called: object): StreamKind {
  const prototype = prototypeOf(called);
  if (prototype === GENERATOR) return StreamKind.SYNC;
  return prototype === ASYNC_GENERATOR ? StreamKind.ASYNC : StreamKind.NONE;
}
