/**
 * The tables of a WebAssembly module, looked at before it is compiled: they lie on the JavaScript heap, and a heap that
 * is full ends the process without a word. What a module grows later is bounded by that alone.
 *
 * Source: WebAssembly core specification 3.0, 5.5.8 (table section).
 */

import { WasmReader } from "./wasm_reader.ts";

const TABLE_SECTION = 4;
/** Says that an expression for its first elements follows a table's type. */
const HAS_INIT = 0x40;
const EXTERNREF = 0x6f;
/** Types of references that name another type, which follows. */
const TYPED_REFERENCES = [0x63, 0x64];
/** Flags of a table: bit 0 says that a maximum follows, bit 2 that its numbers have 64 bits. */
const HAS_MAXIMUM = 1;
const IS_64 = 4;
/** `ref.null`, `ref.func`, `global.get`: each has one number. */
const INIT_CODES = [0xd0, 0xd2, 0x23];

/** What an element takes of the heap: measured on Deno 2.9.6, up to tables of ten million. */
const FUNCTION_BYTES = 24;
const EXTERN_BYTES = 8;
/** How much of a worker's memory tables may begin with: the rest of the heap is for the runtime, 10 MiB and more. */
const SHARE = 3 / 4;

/** @throws {RangeError} when the tables begin with more than a worker has room for. */
export function checkTables(module: Uint8Array, memoryBytes: number): void {
  const maxBytes = Math.floor(memoryBytes * SHARE);
  const { elements, bytes } = firstTables(module);
  if (bytes <= maxBytes) return;
  throw new RangeError(
    `Cannot serve package: its tables begin with ${elements} elements, which take ${bytes} bytes; a worker of the lease may have ${maxBytes} for that: ask for more memory`,
  );
}

/** What all tables begin with. Of a section that makes no sense the compiler says better what is wrong. */
function firstTables(module: Uint8Array): { elements: number; bytes: number } {
  const sum = { elements: 0, bytes: 0 };
  const reader = new WasmReader(module);
  while (reader.at < module.length) {
    const id = reader.byte();
    const end = reader.leb() + reader.at;
    if (id === TABLE_SECTION) {
      const count = reader.leb();
      for (let i = 0; i < count && reader.at < end; i++) {
        const { isExtern, least } = readTable(reader);
        sum.elements += least;
        sum.bytes += least * (isExtern ? EXTERN_BYTES : FUNCTION_BYTES);
      }
      return sum;
    }
    reader.at = end;
  }
  return sum;
}

function readTable(reader: WasmReader): { isExtern: boolean; least: number } {
  let type = reader.byte();
  const hasInit = type === HAS_INIT;
  if (hasInit) {
    reader.byte(); // reserved
    type = reader.byte();
  }
  if (TYPED_REFERENCES.includes(type)) type = reader.leb();
  const flags = reader.byte();
  const bits = (flags & IS_64) !== 0 ? 64 : 32;
  const least = reader.leb(bits);
  if ((flags & HAS_MAXIMUM) !== 0) reader.leb(bits);
  if (hasInit) {
    while (INIT_CODES.includes(reader.byte())) reader.leb(); // up to the byte that ends it
  }
  return { isExtern: type === EXTERNREF, least };
}
