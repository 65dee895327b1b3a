/** The words by which a thread receives calls, in one shared memory. Each side writes a cache line of its own. */

/** Written by the calling thread. */
export const REQUEST = 0;
export const FUNCTION = 1;
export const LENGTH = 2;
export const CAPACITY = 3;
/** Written by the thread that computes. */
export const REPLY = 16;
export const RESULT = 17;
/** Words in all. */
export const WORDS = 32;

/** In {@linkcode FUNCTION}: the thread ends. */
export const END = -1;
/** In {@linkcode RESULT}: the function threw, and the output buffer has the text. */
export const THREW = -1;

/** What a thread receives at its start. */
export interface ThreadTask {
  readonly module: string;
  readonly words: SharedArrayBuffer;
  readonly input: SharedArrayBuffer;
  readonly output: SharedArrayBuffer;
}

/** A function of a package: receives its argument and an output buffer, returns the number of bytes written. */
export type PlainFunction = (input: Uint8Array, output: Uint8Array) => number;

/** Returns the functions of a module, by name. */
export function functionsOf(module: Record<string, unknown>): Map<string, PlainFunction> {
  return new Map(
    Object.entries(module).filter(([, value]) => typeof value === "function")
      .sort(([a], [b]) => a < b ? -1 : 1) as [string, PlainFunction][],
  );
}

/** A function that may be asynchronous. */
export type LoadedFunction = (input: Uint8Array, output: Uint8Array) => number | Promise<number>;

/**
 * Loads a module outside of a lease, as a leased worker does: `init` runs once, before the first call.
 *
 * @param module its URL.
 * @returns its functions by name, without the hook.
 */
export async function loadFunctions(module: string): Promise<Map<string, LoadedFunction>> {
  const { init, ...exported } = await import(module);
  if (typeof init === "function") await init();
  return functionsOf(exported);
}
