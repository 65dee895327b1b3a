/**
 * Makes a picture smaller by area averaging: each pixel of the result is the mean of the rectangle that it covers;
 * pixels on an edge count by the part that is covered. The result has no aliasing, and every machine computes the
 * same bytes, because only additions and multiplications are used.
 *
 * @module
 */
import type { Pixels } from "./jpeg.ts";

/**
 * Shrinks a picture so that its longer side has at most `longestSide` pixels; its aspect ratio stays.
 * A picture that is small enough is returned unchanged.
 *
 * @param picture The picture, which is not changed.
 * @param longestSide In pixels.
 * @returns The smaller picture.
 */
export function shrink(picture: Pixels, longestSide: number): Pixels {
  const scale = longestSide / Math.max(picture.width, picture.height);
  if (scale >= 1) return picture;
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));

  // Each row of the picture is shrunk, multiplied by its weight and added to its row of the result. A row on a border
  // belongs to two rows of the result.
  const data = new Uint8Array(width * height * 3);
  const row = new Float64Array(width * 3);
  const sum = new Float64Array(width * 3);
  const step = picture.height / height;
  let read = -1;
  for (let y = 0; y < height; y++) {
    sum.fill(0);
    const end = Math.min(picture.height, (y + 1) * step);
    for (let from = y * step; from < end - 1e-9;) {
      const source = Math.floor(from + 1e-9); // the tolerance prevents slivers from rounding
      const to = Math.min(source + 1, end);
      if (source !== read) shrinkRow(picture, source, row);
      read = source;
      const weight = (to - from) / step;
      for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + row[i]! * weight;
      from = to;
    }
    for (let i = 0; i < sum.length; i++) data[y * sum.length + i] = Math.round(sum[i]!);
  }
  return { width, height, data };
}

/** Averages row `y` of the picture down to the width of `row`. */
function shrinkRow(picture: Pixels, y: number, row: Float64Array): void {
  const width = row.length / 3;
  const step = picture.width / width;
  const { data } = picture;
  const first = y * picture.width;
  for (let x = 0; x < width; x++) {
    let red = 0, green = 0, blue = 0;
    const end = Math.min(picture.width, (x + 1) * step);
    for (let from = x * step; from < end - 1e-9;) {
      const source = Math.floor(from + 1e-9);
      const to = Math.min(source + 1, end);
      const weight = to - from;
      const at = (first + source) * 3;
      red += data[at]! * weight;
      green += data[at + 1]! * weight;
      blue += data[at + 2]! * weight;
      from = to;
    }
    row[x * 3] = red / step;
    row[x * 3 + 1] = green / step;
    row[x * 3 + 2] = blue / step;
  }
}
