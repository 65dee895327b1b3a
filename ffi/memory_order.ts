/** What a plain load is worth on this processor. */

/**
 * Whether loads are seen in their order, and after an atomic store before them (x86-64: total store order, Intel SDM
 * vol. 3A, 8.2). There a plain load can stand for Atomics.load, which V8 calls as a function: 10 to 18 ns against 1.
 * A compiler might still keep a plain load out of a loop, so a loop must look atomically every now and then.
 */
export const ORDERED_LOADS: boolean = Deno.build.arch === "x86_64";
