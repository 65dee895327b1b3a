import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { buildWasm } from "../../../examples/matrix_product/build_wasm.ts";
import * as functions from "../../../examples/matrix_product/functions.ts";
import * as wasm from "../../../examples/matrix_product/wasm_functions.ts";

/** More than a block in each direction. */
const [N, ROWS] = [272, 68];

/** Numbers without a pattern: an element that is used twice, or not at all, changes the result. */
function noise(length: number, seed: number): Float64Array<ArrayBuffer> {
  let state = seed;
  return Float64Array.from({ length }, () => (state = (state * 48_271) % 2_147_483_647) / 2 ** 31);
}

const a = noise(N * ROWS, 7);
const b = noise(N * N, 11);
const rows = new Float64Array([N, ROWS, ...a]);
const bytes = (values: Float64Array<ArrayBuffer>) => new Uint8Array(values.buffer);

for (const [kernel, { keep, multiply, product }] of Object.entries({ functions, wasm })) {
  Deno.test(`the kernel ${kernel} multiplies as the definition does`, () => {
    const kept = new Float64Array(N * ROWS);
    const sent = new Float64Array(N * ROWS);
    assertEquals(keep(bytes(rows), new Uint8Array(8)), 0);
    assertEquals(multiply(bytes(b), bytes(kept)), kept.byteLength);
    assertEquals(product(bytes(new Float64Array([...rows, ...b])), bytes(sent)), sent.byteLength);
    assertEquals(kept, sent);
    for (const [i, j] of [[0, 0], [67, 271], [63, 255], [64, 256], [5, 130]] as const) {
      let sum = 0;
      for (let k = 0; k < N; k++) sum += a[i * N + k]! * b[k * N + j]!;
      assertAlmostEquals(kept[i * N + j]!, sum, 1e-10);
    }
  });
}

Deno.test("`multiply()` refuses a matrix that does not fit the rows that it keeps", () => {
  functions.keep(bytes(rows), new Uint8Array(8));
  const wrong = () => functions.multiply(new Uint8Array(8), new Uint8Array(8));
  assertThrows(wrong, TypeError, "B has 8 bytes, this worker keeps rows of 272 elements");
});

Deno.test("kernel.wasm of the matrix product is compiled from kernel.as", async () => {
  const kept = new URL("../../../examples/matrix_product/kernel.wasm", import.meta.url);
  assertEquals(await Deno.readFile(kept), await buildWasm());
});
