/** Draws the photographs with a frame around each object, as an SVG that loads nothing. */

import { decodeJpeg, encodeJpeg } from "../demo/jpeg.ts";
import { shrink } from "../demo/shrink.ts";
import type { FoundObject } from "./objects.ts";
import { fit } from "./square.ts";

/** In pixels. */
const CELL = 400;
const GAP = 16;
const COLUMNS = 4;
const LABEL = { height: 24, perLetter: 9 };
const QUALITY = 85;
const BACKGROUND = "#18191c";
const FRAME = "#ffb000";

/** A photograph and what was found in it. */
export interface Recognized {
  readonly bytes: Uint8Array;
  readonly objects: readonly FoundObject[];
}

export function recognizedPicture(photos: readonly Recognized[]): string {
  const columns = Math.min(COLUMNS, photos.length);
  const width = GAP + columns * (CELL + GAP);
  const height = GAP + Math.ceil(photos.length / columns) * (CELL + GAP);
  const cells = photos.map((photo, i) => {
    const x = GAP + (i % columns) * (CELL + GAP);
    const y = GAP + Math.floor(i / columns) * (CELL + GAP);
    return `<g transform="translate(${x} ${y})">${cell(photo)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" font-family="system-ui, 'DejaVu Sans', sans-serif" ` +
    `font-size="15">\n<rect width="100%" height="100%" fill="${BACKGROUND}"/>\n` +
    `${cells.join("\n")}\n</svg>\n`;
}

function cell({ bytes, objects }: Recognized): string {
  const small = shrink(decodeJpeg(bytes), CELL);
  const { left, top, width, height } = fit(small.width, small.height, CELL);
  const data = encodeJpeg(small, QUALITY).toBase64();
  const place = `x="${left}" y="${top}" width="${width}" height="${height}"`;
  const picture = `<image ${place} href="data:image/jpeg;base64,${data}"/>`;
  // The surest is drawn last, above the others.
  return picture + objects.toReversed().map((object) => {
    const [x, y, w, h] = object.box;
    return frame(object, [left + x * width, top + y * height, w * width, h * height]);
  }).join("");
}

/** A frame with its label at the top, inside of the cell. */
function frame(
  { name, score }: FoundObject,
  [x, y, width, height]: readonly [x: number, y: number, width: number, height: number],
): string {
  const text = `${name} ${(100 * score).toFixed(0)} %`;
  const long = LABEL.perLetter * text.length + 12;
  const [atX, atY] = [Math.min(x, CELL - long), Math.max(0, y - LABEL.height)];
  const round = (value: number) => value.toFixed(1);
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${
    round(height)
  }" ` +
    `fill="none" stroke="${FRAME}" stroke-width="3"/>` +
    `<rect x="${round(atX)}" y="${round(atY)}" width="${round(long)}" height="${LABEL.height}" ` +
    `fill="${FRAME}"/>` +
    `<text x="${round(atX + 6)}" y="${round(atY + 17)}" fill="${BACKGROUND}">${text}</text>`;
}
