/**
 * Bounds the memory of a WebAssembly module before the module is compiled.
 *
 * A module may grow its memory at any time; the only limit that the engine enforces is the maximum that the module
 * declares. The maximum is therefore written into the module's bytes: a `memory.grow` beyond it returns -1, as the
 * language defines, and the process goes on. Source: WebAssembly core specification 3.0, 5.5 (binary format of modules).
 */

import { WasmReader } from "./wasm_reader.ts";

/** The size of a page of WebAssembly memory. */
export const WASM_PAGE_BYTES = 65_536;
/** The pages that an address of 32 bits can reach. */
const MAX_PAGES = 65_536;
const MEMORY_SECTION = 5;
/** The flags of a memory: bit 0 means that a maximum follows. Shared and 64-bit memories have more bits set. */
const HAS_MAXIMUM = 1;

/**
 * Returns the module with a maximum of `maxBytes` for its memory, or its own maximum if that is less.
 *
 * @throws {TypeError} when it is not a module with exactly one memory that is unshared and has 32-bit addresses.
 * @throws {RangeError} when the memory's initial size is more than `maxBytes`.
 */
export function boundMemory(
  module: Uint8Array<ArrayBuffer>,
  maxBytes: number,
): Uint8Array<ArrayBuffer> {
  if (module[4] !== 1 || module[5] !== 0 || module[6] !== 0 || module[7] !== 0) {
    throw new TypeError(
      "Cannot serve package: it is not a WebAssembly module of version 1 (lower a component to its core module)",
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
      if (reader.at !== end) break;
      const bounded = new Uint8Array(sectionAt + section.length + module.length - end);
      bounded.set(module.subarray(0, sectionAt));
      bounded.set(section, sectionAt);
      bounded.set(module.subarray(end), sectionAt + section.length);
      return bounded;
    }
    reader.at = end;
  }
  throw new TypeError("Cannot serve package: it has no memory of its own, or is truncated");
}

function memorySection(reader: WasmReader, maxPages: number): Uint8Array {
  const count = reader.leb();
  if (count !== 1) {
    throw new TypeError(`Cannot serve package: it has ${count} memories, expected exactly one`);
  }
  const flags = reader.byte();
  if (flags > HAS_MAXIMUM) {
    throw new TypeError(
      "Cannot serve package: its memory is shared or has 64-bit addresses, expected unshared 32-bit memory",
    );
  }
  const initialPages = reader.leb();
  const limitPages = Math.min(maxPages, flags === HAS_MAXIMUM ? reader.leb() : MAX_PAGES);
  if (initialPages > maxPages) {
    throw new RangeError(
      `Cannot serve package: its memory begins with ${
        initialPages * WASM_PAGE_BYTES
      } bytes, a worker of the lease may have ${maxPages * WASM_PAGE_BYTES}`,
    );
  }
  const body = [1, HAS_MAXIMUM, ...leb(initialPages), ...leb(limitPages)];
  return Uint8Array.of(MEMORY_SECTION, ...leb(body.length), ...body);
}

/** Encodes an unsigned number as LEB128. */
function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let left = value; bytes.length === 0 || left > 0; left = Math.floor(left / 128)) {
    bytes.push((left % 128) + (left >= 128 ? 128 : 0));
  }
  return bytes;
}
