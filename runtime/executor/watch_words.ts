/**
 * The words by which a worker shows its main thread that it lives and what it runs. The worker writes all of them except
 * {@linkcode STOP}, which the main thread writes.
 */

/** Counts turns of the worker's loop. */
export const BEAT = 0;
/** The slot whose function uses the thread, plus 1; 0 while the loop does. */
export const IN_CALL = 1;
/** Not 0: the worker must stop. */
export const STOP = 2;
/** The kernel's id of the worker's thread. */
export const THREAD = 3;

/**
 * Running totals in cycles, as indexes of the 64-bit floats over the same memory: computing, and awake with computing
 * included. A 64-bit processor writes and reads each as a whole.
 */
export const CYCLES_COMPUTED = 2;
export const CYCLES_AWAKE = 3;
/** The time up to which the totals count. */
export const CYCLES_SEEN = 4;
/** How many requests the worker has served: an index of the same floats. */
export const SERVED = 7;
/** Not 0: the event loop uses the thread, for asynchronous functions. */
export const IN_TURN = 10;
/** Counts the lines that functions logged above their rate. */
export const LOGS_DROPPED = 11;

/** Counts the answers of the worker's event loop to its main thread. */
export const ANSWERS = 12;

/**
 * The number of the function that has run on for longest since its call was given up, if that has left its slot; 0 if
 * there is none. The two words below are written before it.
 */
export const FORGOTTEN = 13;
/** The time limit of its call, as in {@linkcode WATCH_TIME_LEFT}, if it was given up for that; else {@linkcode UNLIMITED}. */
export const FORGOTTEN_LIMIT = 16;
/** For how long it had run on when it became the one that has for longest, in milliseconds. */
export const FORGOTTEN_MS = 17;

/** From here on two words for each slot. */
export const SLOT_WATCH = 18;
export const SLOT_WATCH_WORDS = 2;
export const WATCH_SEQUENCE = 0;
/** The time that the call had left when it arrived, as in its request, or {@linkcode UNLIMITED}; 0 while none runs. */
export const WATCH_TIME_LEFT = 1;
export const UNLIMITED = -0x80000000;

/** The floats over the same memory. */
export function watchTotals(words: Int32Array): Float64Array {
  return new Float64Array(words.buffer, 0, SLOT_WATCH / 2);
}

export function watchWords(depth: number): number {
  return SLOT_WATCH + depth * SLOT_WATCH_WORDS;
}
