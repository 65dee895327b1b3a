/** Reads the text in a picture: finds its lines, then reads each. */

import type { Pixels } from "../demo/jpeg.ts";
import { findLines } from "./find_lines.ts";
import type { Floats, Model } from "./networks.ts";
import { type Box, floatsOf, type Scale } from "./picture_floats.ts";

/** The detection network halves a picture five times. */
const UNIT_PIXELS = 32;
/** The recognition network reads lines of this height. */
const LINE_PIXELS = 48;
/** The scales with which each network was trained: blue, green, red. */
const DETECTION: Scale = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };
const RECOGNITION: Scale = { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] };

/** Returns the lines of text from the top, joined by line breaks. */
export async function readText(picture: Pixels, model: Model): Promise<string> {
  const whole: Box = { left: 0, top: 0, width: picture.width, height: picture.height };
  const size = { width: inUnits(picture.width), height: inUnits(picture.height) };
  const found = findLines(await model.detect(floatsOf(picture, whole, size, DETECTION)));
  const lines: string[] = [];
  for (const box of found) {
    const line = toPicture(box, picture.width / size.width, picture.height / size.height);
    const width = Math.max(LINE_PIXELS, Math.round(LINE_PIXELS * line.width / line.height));
    const given = floatsOf(picture, line, { width, height: LINE_PIXELS }, RECOGNITION);
    lines.push(textOf(await model.recognize(given), model.characters));
  }
  return lines.join("\n");
}

function inUnits(pixels: number): number {
  return UNIT_PIXELS * Math.max(1, Math.round(pixels / UNIT_PIXELS));
}

function toPicture({ left, top, width, height }: Box, x: number, y: number): Box {
  return { left: left * x, top: top * y, width: width * x, height: height * y };
}

/** The most likely class of each step, without repetitions and blanks (connectionist temporal classification). */
export function textOf({ data, dims }: Floats, characters: readonly string[]): string {
  const [steps = 0, classes = 0] = dims.slice(-2);
  let text = "";
  let last = 0;
  for (let step = 0; step < steps; step++) {
    const row = data.subarray(step * classes, (step + 1) * classes);
    let best = 0;
    for (let i = 1; i < classes; i++) if (row[i]! > row[best]!) best = i;
    if (best !== last) text += characters[best] ?? "";
    last = best;
  }
  return text;
}
