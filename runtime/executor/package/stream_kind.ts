/** Whether a function is a stream, and whether each chunk is returned directly or through a promise. */

// Bound before foreign code loads.
const prototypeOf = Object.getPrototypeOf;
const GENERATOR: unknown = prototypeOf(function* () {});
const ASYNC_GENERATOR: unknown = prototypeOf(async function* () {});

/** The kinds of streams. `NONE` is falsy, like a missing kind. */
export const StreamKind = { NONE: 0, SYNC: 1, ASYNC: 2 } as const;
/** One of {@linkcode StreamKind}. */
export type StreamKind = (typeof StreamKind)[keyof typeof StreamKind];

/** Returns the kind of a function by its syntax: `function*`, `async function*`, or any other. */
export function streamKind(called: object): StreamKind {
  const prototype = prototypeOf(called);
  if (prototype === GENERATOR) return StreamKind.SYNC;
  return prototype === ASYNC_GENERATOR ? StreamKind.ASYNC : StreamKind.NONE;
}
