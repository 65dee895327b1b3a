/** Whether this processor keeps loads and stores in order. */

/**
 * Whether loads happen in program order, and after an earlier atomic store (x86-64: total store order, Intel SDM vol.
 * 3A, 8.2). There a plain load can replace Atomics.load, which V8 calls as a function: 1 ns instead of 10 to 18. A
 * compiler might still move a plain load out of a loop, so a loop must load atomically now and then.
 */
export const ORDERED_LOADS: boolean = Deno.build.arch === "x86_64";
/**
 * Whether stores become visible in program order (the same section). There a plain store publishes the ones before it: 1 ns
 * instead of 9. A later load may still pass it.
 */
export const ORDERED_STORES: boolean = ORDERED_LOADS;
/** Selects, of a count of polls, the one in 16 that loads atomically. */
export const ATOMIC_POLL_MASK = 15;
