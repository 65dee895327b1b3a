/**
 * Finds the lines of text from what the detection network returns: how likely each pixel is inside of a line. The network
 * is trained to mark the middle of lines, so each area is enlarged. Lines are taken as level, which cards are.
 */

import type { Floats } from "./networks.ts";
import type { Box } from "./picture_floats.ts";

/** A pixel belongs to a line from this likelihood on. The values of this file are the defaults of PaddleOCR. */
const PIXEL_LIKELIHOOD = 0.3;
/** An area is a line from this mean likelihood on. */
const LINE_LIKELIHOOD = 0.6;
/** How much an area is enlarged: by this times its size over its circumference. */
const ENLARGEMENT = 1.5;
/** A line that is less high is a speck. */
const LEAST_PIXELS = 3;

/** Returns the boxes of the lines, from the top. */
export function findLines({ data, dims }: Floats): Box[] {
  const [height = 0, width = 0] = dims.slice(-2);
  const isSeen = new Uint8Array(data.length);
  const boxes: Box[] = [];
  for (let start = 0; start < data.length; start++) {
    if (isSeen[start] || data[start]! < PIXEL_LIKELIHOOD) continue;
    const area = areaFrom(start, data, width, isSeen);
    const isLine = area.likelihood >= LINE_LIKELIHOOD &&
      Math.min(area.box.width, area.box.height) >= LEAST_PIXELS;
    if (isLine) boxes.push(enlarge(area.box, width, height));
  }
  return boxes.sort((one, other) => one.top - other.top);
}

/** The connected pixels around a start. */
function areaFrom(start: number, data: Float32Array, width: number, isSeen: Uint8Array) {
  let [left, right, top, bottom, sum, count] = [Infinity, 0, Infinity, 0, 0, 0];
  const waiting = [start];
  isSeen[start] = 1;
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const x = at % width;
    const y = (at - x) / width;
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    sum += data[at]!;
    count++;
    const beside = [x > 0 ? at - 1 : -1, x < width - 1 ? at + 1 : -1, at - width, at + width];
    for (const next of beside) {
      if (next < 0 || next >= data.length || isSeen[next]) continue;
      if (data[next]! < PIXEL_LIKELIHOOD) continue;
      isSeen[next] = 1;
      waiting.push(next);
    }
  }
  const box: Box = { left, top, width: right - left + 1, height: bottom - top + 1 };
  return { box, likelihood: sum / count };
}

function enlarge(box: Box, width: number, height: number): Box {
  const by = ENLARGEMENT * box.width * box.height / (2 * (box.width + box.height));
  const left = Math.max(0, box.left - by);
  const top = Math.max(0, box.top - by);
  return {
    left,
    top,
    width: Math.min(width, box.left + box.width + by) - left,
    height: Math.min(height, box.top + box.height + by) - top,
  };
}
