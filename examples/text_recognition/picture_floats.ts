/** Pictures as the networks take them: planes of blue, green and red, as OpenCV orders the colors. */

import type { Pixels } from "../demo/jpeg.ts";
import type { Floats } from "./networks.ts";

/** A rectangle of a picture, in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** What is subtracted from a color of 0 to 1, and by what the rest is divided; blue first. */
export interface Scale {
  readonly mean: readonly [number, number, number];
  readonly deviation: readonly [number, number, number];
}

/** Resizes a part of a picture with bilinear interpolation. Every machine computes the same floats. */
export function floatsOf(
  { width, height, data }: Pixels,
  box: Box,
  size: { readonly width: number; readonly height: number },
  { mean, deviation }: Scale,
): Floats {
  const plane = size.width * size.height;
  const floats = new Float32Array(3 * plane);
  for (let y = 0; y < size.height; y++) {
    const row = positionOf(box.top + (y + 0.5) * box.height / size.height - 0.5, height);
    for (let x = 0; x < size.width; x++) {
      const column = positionOf(box.left + (x + 0.5) * box.width / size.width - 0.5, width);
      for (let color = 0; color < 3; color++) {
        const at = (line: number, cell: number) => data[3 * (line * width + cell) + 2 - color]!;
        const upper = mix(at(row.first, column.first), at(row.first, column.next), column.part);
        const lower = mix(at(row.next, column.first), at(row.next, column.next), column.part);
        const value = mix(upper, lower, row.part) / 255;
        floats[color * plane + y * size.width + x] = (value - mean[color]!) / deviation[color]!;
      }
    }
  }
  return { data: floats, dims: [1, 3, size.height, size.width] };
}

/** The two pixels around a place on one axis, and how much of the second one counts. */
function positionOf(place: number, pixels: number) {
  const inside = Math.min(Math.max(place, 0), pixels - 1);
  const first = Math.floor(inside);
  return { first, next: Math.min(first + 1, pixels - 1), part: inside - first };
}

function mix(one: number, other: number, part: number): number {
  return one + (other - one) * part;
}
