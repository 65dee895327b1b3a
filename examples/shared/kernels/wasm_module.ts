/** Runs the functions of a WebAssembly package outside of a lease. */

import type { PlainFunction } from "../thread_words.ts";

const PAGE_BYTES = 65_536;

/** What a package exports, besides its functions. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly malloc?: (bytes: number) => number;
}

/** Memory for an argument or a result. */
interface Area {
  at: number;
  bytes: number;
}

/**
 * Returns the functions of a package for a thread of this process, or for a process behind HTTP. As on a leased worker,
 * each call copies its argument into the memory of the module and its result out of it.
 */
export async function wasmFunctions<Name extends string>(
  file: URL,
  ...names: Name[]
): Promise<Record<Name, PlainFunction>> {
  const { instance } = await WebAssembly.instantiate(await Deno.readFile(file));
  const exports = instance.exports as unknown as Exports;
  const input: Area = { at: 0, bytes: 0 };
  const output: Area = { at: 0, bytes: 0 };
  const run = (name: string): PlainFunction => {
    const call = instance.exports[name] as (at: number, bytes: number, to: number) => number;
    return (argument, result) => {
      reserve(exports, input, argument.length);
      reserve(exports, output, result.length);
      new Uint8Array(exports.memory.buffer).set(argument, input.at);
      const length = call(input.at, argument.length, output.at);
      result.set(new Uint8Array(exports.memory.buffer, output.at, length));
      return length;
    };
  };
  return Object.fromEntries(names.map((name) => [name, run(name)])) as Record<Name, PlainFunction>;
}

/** Replaces an area that is too small. The module frees nothing. */
function reserve({ memory, malloc }: Exports, area: Area, bytes: number): void {
  if (bytes <= area.bytes) return;
  area.at = malloc ? malloc(bytes) : PAGE_BYTES * memory.grow(Math.ceil(bytes / PAGE_BYTES)); // behind what the module uses
  area.bytes = bytes;
}
