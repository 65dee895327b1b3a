/** Tables in the binary format, in forms that the text format of the other tests does not have. */

import { assertThrows } from "@std/assert";
import { checkTables } from "../../../../runtime/executor/package/wasm_tables.ts";

const HEADER = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const TYPES = [1, 4, 1, 0x60, 0, 0]; // () -> ()
const MANY = [0xc0, 0x84, 0x3d]; // 1,000,000

function withTables(...tables: number[][]): Uint8Array<ArrayBuffer> {
  const body = [tables.length, ...tables.flat()];
  return Uint8Array.of(...HEADER, ...TYPES, 4, body.length, ...body);
}

Deno.test("`checkTables()` counts tables of each form that this engine compiles", () => {
  const forms: [string, number[], bytes: number][] = [
    ["functions", [0x70, 0, ...MANY], 24],
    ["externals, with a maximum", [0x6f, 1, ...MANY, ...MANY], 8],
    ["functions of one type", [0x63, 0, 0, ...MANY], 24],
    ["externals, in the long form", [0x63, 0x6f, 0, ...MANY], 8],
    ["with 64-bit sizes", [0x70, 5, ...MANY, ...MANY], 24],
    ["with a first element", [0x40, 0, 0x70, 0, ...MANY, 0xd0, 0x70, 0x0b], 24],
  ];
  const small = [0x70, 0, 1];
  for (const [what, form, bytes] of forms) {
    const module = withTables(small, form, small);
    new WebAssembly.Module(module); // the engine compiles it
    const takes = 1e6 * bytes + 48;
    checkTables(module, takes / 3 * 4);
    assertThrows(
      () => checkTables(module, takes / 3 * 4 - 4),
      RangeError,
      `its tables begin with 1000002 elements, which take ${takes} bytes`,
      what,
    );
  }
});

Deno.test("`checkTables()` leaves malformed modules to the compiler", () => {
  const sound = withTables([0x70, 0, 1]);
  for (let end = 8; end < sound.length; end++) checkTables(sound.subarray(0, end), 0x100);
  checkTables(Uint8Array.of(...HEADER, 4, 3, 0xff, 0xff, 0x7f), 0);
});
