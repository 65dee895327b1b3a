/**
 * Checks the tables of a WebAssembly module before it is compiled. Tables are on the JavaScript heap, and a full heap ends
 * the process without an error. Tables that grow at run time are bounded by the heap alone.
 *
 * Source: WebAssembly core specification 3.0, 5.5.8 (table section).
 */

import { WasmReader } from "./wasm_reader.ts";

const TABLE_SECTION = 4;
/** In front of a table's type: an expression for its first elements follows. */
const HAS_INIT = 0x40;
const EXTERNREF = 0x6f;
/** Reference types that are followed by another type. */
const TYPED_REFERENCES = [0x63, 0x64];
/** Flags of a table. Bit 0: a maximum follows. Bit 2: its sizes have 64 bits. */
const HAS_MAXIMUM = 1;
const IS_64 = 4;
/** `ref.null`, `ref.func`, `global.get`: each has one operand. */
const INIT_CODES = [0xd0, 0xd2, 0x23];

/** Heap bytes of one element, measured on Deno 2.9.6 with tables of up to ten million. */
const FUNCTION_BYTES = 24;
const EXTERN_BYTES = 8;
/** The share of a worker's memory that initial tables may take. The runtime needs the rest of the heap, 10 MiB and more. */
const MAX_TABLE_SHARE = 3 / 4;

/** @throws {RangeError} when the initial tables take more than their share of `memoryBytes`. */
export function checkTables(module: Uint8Array, memoryBytes: number): void {
  const maxBytes = Math.floor(memoryBytes * MAX_TABLE_SHARE);
  const { elements, bytes } = initialTables(module);
  if (bytes <= maxBytes) return;
  throw new RangeError(
    `Cannot serve package: its tables begin with ${elements} elements, which take ${bytes} bytes; a worker of the lease may have ${maxBytes} for that: set \`memory\` higher`,
  );
}

/** Sums up the initial tables. It ignores malformed sections: the compiler reports them better. */
function initialTables(module: Uint8Array): { elements: number; bytes: number } {
  const sum = { elements: 0, bytes: 0 };
  const reader = new WasmReader(module);
  while (reader.at < module.length) {
    const id = reader.byte();
    const end = reader.leb() + reader.at;
    if (id === TABLE_SECTION) {
      const count = reader.leb();
      for (let i = 0; i < count && reader.at < end; i++) {
        const { isExtern, size } = readTable(reader);
        sum.elements += size;
        sum.bytes += size * (isExtern ? EXTERN_BYTES : FUNCTION_BYTES);
      }
      return sum;
    }
    reader.at = end;
  }
  return sum;
}

function readTable(reader: WasmReader): { isExtern: boolean; size: number } {
  let type = reader.byte();
  const hasInit = type === HAS_INIT;
  if (hasInit) {
    reader.byte(); // reserved
    type = reader.byte();
  }
  if (TYPED_REFERENCES.includes(type)) type = reader.leb();
  const flags = reader.byte();
  const bits = (flags & IS_64) !== 0 ? 64 : 32;
  const size = reader.leb(bits);
  if ((flags & HAS_MAXIMUM) !== 0) reader.leb(bits);
  if (hasInit) {
    while (INIT_CODES.includes(reader.byte())) reader.leb(); // up to the byte that ends the expression
  }
  return { isExtern: type === EXTERNREF, size };
}
