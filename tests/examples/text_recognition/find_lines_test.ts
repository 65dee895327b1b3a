import { assertAlmostEquals, assertEquals } from "@std/assert";
import { findLines } from "../../../examples/text_recognition/find_lines.ts";
import { floatsOf } from "../../../examples/text_recognition/picture_floats.ts";
import { textOf } from "../../../examples/text_recognition/read_text.ts";

/** A map of likelihoods with areas of one value. */
function mapOf(
  width: number,
  height: number,
  areas: [x: number, y: number, w: number, h: number, value: number][],
) {
  const data = new Float32Array(width * height);
  for (const [x, y, w, h, value] of areas) {
    for (let row = y; row < y + h; row++) data.fill(value, row * width + x, row * width + x + w);
  }
  return { data, dims: [1, 1, height, width] };
}

Deno.test("`findLines()` enlarges each area, and sorts them from the top", () => {
  const found = findLines(mapOf(100, 60, [[10, 40, 60, 6, 0.9], [20, 10, 40, 8, 0.8]]));
  assertEquals(found.length, 2);
  const [first, second] = found;
  assertAlmostEquals(first!.top, 10 - 1.5 * 320 / 96, 1e-9);
  assertAlmostEquals(first!.width, 40 + 2 * 1.5 * 320 / 96, 1e-9);
  assertAlmostEquals(second!.left, 10 - 1.5 * 360 / 132, 1e-9);
  assertAlmostEquals(second!.height, 6 + 2 * 1.5 * 360 / 132, 1e-9);
});

Deno.test("`findLines()` leaves out specks and what is no text, and stays inside of the picture", () => {
  const speck: [number, number, number, number, number] = [50, 10, 20, 2, 0.9];
  const faint: [number, number, number, number, number] = [5, 30, 60, 10, 0.5];
  assertEquals(findLines(mapOf(100, 60, [speck, faint])), []);
  const edge = findLines(mapOf(100, 60, [[0, 0, 100, 10, 0.9]]));
  assertEquals(edge.map(({ left, top, width }) => [left, top, width]), [[0, 0, 100]]);
});

Deno.test("`findLines()` does not join the ends of rows", () => {
  // The area of the first row is walked first, so each case tests one end.
  const left = findLines(mapOf(40, 30, [[0, 5, 4, 5, 0.9], [36, 5, 4, 5, 0.9]]));
  const right = findLines(mapOf(40, 30, [[36, 5, 4, 5, 0.9], [0, 6, 4, 5, 0.9]]));
  assertEquals([left.length, right.length], [2, 2]);
});

Deno.test("`textOf()` drops blanks and repetitions, and keeps doubled letters apart by a blank", () => {
  const steps = [1, 1, 0, 2, 2, 0, 2, 3];
  const data = new Float32Array(steps.length * 4);
  steps.forEach((best, step) => data[4 * step + best] = 1);
  assertEquals(textOf({ data, dims: [1, steps.length, 4] }, ["", "a", "b", " "]), "abb ");
});

Deno.test("`floatsOf()` has planes of blue, green and red, scaled", () => {
  const picture = { width: 2, height: 1, data: Uint8Array.of(255, 0, 51, 255, 0, 51) };
  const box = { left: 0, top: 0, width: 2, height: 1 };
  const scale = { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] } as const;
  const { data, dims } = floatsOf(picture, box, { width: 4, height: 2 }, scale);
  assertEquals(dims, [1, 3, 2, 4]);
  assertEquals([data[0], data[8], data[16]].map((value) => Math.fround(value!)), [
    Math.fround(-0.6),
    -1,
    1,
  ]);
});
