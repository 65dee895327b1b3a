/**
 * The memory of a WebAssembly module, bounded before the module is compiled.
 *
 * Nobody is asked when a module grows its memory; what it declares as its maximum is the only limit that the engine
 * keeps. So the maximum is written into the bytes: a `memory.grow` beyond it gives -1, as the language defines, and the
 * process lives on. Source: WebAssembly core specification 3.0, 5.5 (binary format of modules).
 */

import { WasmReader } from "./wasm_reader.ts";

/** Bytes of a page of WebAssembly memory. */
export const WASM_PAGE_BYTES = 65_536;
/** What 32 bits of an address reach. */
const MAX_PAGES = 65_536;
const MEMORY_SECTION = 5;
/** The flags of a memory: bit 0 says that a maximum follows. Shared and 64-bit memories have more bits set. */
const HAS_MAXIMUM = 1;

/**
 * The module with a maximum of `maxBytes` for its memory, or its own where that is less.
 *
 * @throws {TypeError} {RangeError} when it is no module with one plain memory of 32 bits, or begins with more.
 */
export function boundMemory(
  module: Uint8Array<ArrayBuffer>,
  maxBytes: number,
): Uint8Array<ArrayBuffer> {
  if (module[4] !== 1 || module[5] !== 0 || module[6] !== 0 || module[7] !== 0) {
    throw new TypeError(
      "Cannot serve package: it is no WebAssembly module of version 1 (a component must be lowered to its core module)",
    );
  }
  const maxPages = Math.min(MAX_PAGES, Math.floor(maxBytes / WASM_PAGE_BYTES));
  const reader = new WasmReader(module);
  while (reader.at < module.length) {
    const sectionAt = reader.at;
    const id = reader.byte();
    const end = reader.leb() + reader.at;
    if (id === MEMORY_SECTION && end <= module.length) {
      const section = memorySection(reader, maxPages);
      if (reader.at !== end) break; // the compiler says better what is wrong
      const bounded = new Uint8Array(sectionAt + section.length + module.length - end);
      bounded.set(module.subarray(0, sectionAt));
      bounded.set(section, sectionAt);
      bounded.set(module.subarray(end), sectionAt + section.length);
      return bounded;
    }
    reader.at = end;
  }
  throw new TypeError("Cannot serve package: it has no memory of its own, or is cut off");
}

function memorySection(reader: WasmReader, maxPages: number): Uint8Array {
  const count = reader.leb();
  if (count !== 1) {
    throw new TypeError(`Cannot serve package: it has ${count} memories, exactly one is needed`);
  }
  const flags = reader.byte();
  if (flags > HAS_MAXIMUM) {
    throw new TypeError(
      "Cannot serve package: its memory is shared, or of 64 bits; a plain one of 32 bits is needed",
    );
  }
  const least = reader.leb();
  const most = Math.min(maxPages, flags === HAS_MAXIMUM ? reader.leb() : MAX_PAGES);
  if (least > maxPages) {
    throw new RangeError(
      `Cannot serve package: its memory begins with ${
        least * WASM_PAGE_BYTES
      } bytes, a worker of the lease may have ${maxPages * WASM_PAGE_BYTES}`,
    );
  }
  const body = [1, HAS_MAXIMUM, ...leb(least), ...leb(most)];
  return Uint8Array.of(MEMORY_SECTION, ...leb(body.length), ...body);
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let left = value; bytes.length === 0 || left > 0; left = Math.floor(left / 128)) {
    bytes.push((left % 128) + (left >= 128 ? 128 : 0));
  }
  return bytes;
}
