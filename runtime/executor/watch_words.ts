/**
 * The words in which a worker shows its main thread that it lives and what it runs. One writer: the worker
 * (but {@linkcode STOP}, which is the main thread's).
 */

/** Counts up as long as the worker's loop turns. */
export const BEAT = 0;
/** The slot whose function has the thread, plus 1; 0 while the loop has it. */
export const IN_CALL = 1;
/** Not 0: the worker is to stop. */
export const STOP = 2;
/** The worker's thread id, as the kernel knows it. */
export const THREAD = 3;

/**
 * Running totals in cycles, by their place among the 64-bit floats of the same memory: computing, and awake with
 * computing included. A processor of 64 bits writes and reads each whole.
 */
export const CYCLES_COMPUTED = 2;
export const CYCLES_AWAKE = 3;
/** When the call that has the thread began, or the turn of the event loop. */
export const CYCLES_BEGAN = 4;
/** Not 0: the event loop has the thread, on which asynchronous functions go on. */
export const IN_TURN = 10;
/** Counts the lines that functions logged beyond their rate. */
export const LOGS_DROPPED = 11;

/** From here on two words a slot, for calls that have a deadline. */
export const SLOT_WATCH = 16;
export const SLOT_WATCH_WORDS = 2;
export const WATCH_SEQUENCE = 0;
/** Microseconds that the call had left when it arrived; 0 while none runs. */
export const WATCH_TIME_LEFT_US = 1;

/** The floats over the same memory. */
export function watchTotals(words: Int32Array): Float64Array {
  return new Float64Array(words.buffer, 0, SLOT_WATCH / 2);
}

export function watchWords(depth: number): number {
  return SLOT_WATCH + depth * SLOT_WATCH_WORDS;
}
