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

/** From here on two words a slot, for calls that have a deadline. */
export const SLOT_WATCH = 8;
export const SLOT_WATCH_WORDS = 2;
export const WATCH_SEQUENCE = 0;
/** Microseconds that the call had left when it arrived; 0 while none runs. */
export const WATCH_TIME_LEFT_US = 1;

export function watchWords(depth: number): number {
  return SLOT_WATCH + depth * SLOT_WATCH_WORDS;
}
