/**
 * Draws one picture with all thumbnails in rows on a dark background.
 *
 * @module
 */
import { decodeJpeg, encodeJpeg, type Pixels } from "./jpeg.ts";

/** Between two thumbnails and around them all, in pixels. */
const GAP = 20;

/** The quality of the sheet, from 1 to 100. It is high because the thumbnails were compressed once already. */
const SHEET_QUALITY = 90;

/** The background's red, green and blue: nearly black. */
const BACKGROUND = [24, 25, 28] as const;

/** A row's pictures and their position. */
interface Row {
  pictures: Pixels[];
  top: number;
  height: number;
}

/**
 * Lays thumbnails out on a grid. Columns are as wide as the widest thumbnail, each row is as high as its
 * highest; every thumbnail is centered in its cell and a short last row is centered below the others.
 *
 * @param thumbnails JPEG files, at least one.
 * @returns A JPEG file.
 * @throws {RangeError} If there is no thumbnail.
 * @throws {TypeError} If one is not a JPEG.
 */
export function contactSheet(thumbnails: Uint8Array[]): Uint8Array {
  if (thumbnails.length === 0) {
    throw new RangeError("Cannot make a contact sheet: there are 0 thumbnails");
  }
  const pictures = thumbnails.map(decodeJpeg);
  const columns = columnsFor(pictures.length);
  const cell = Math.max(...pictures.map((picture) => picture.width));

  const rows: Row[] = [];
  let bottom = GAP;
  for (let first = 0; first < pictures.length; first += columns) {
    const row = pictures.slice(first, first + columns);
    const height = Math.max(...row.map((picture) => picture.height));
    rows.push({ pictures: row, top: bottom, height });
    bottom += height + GAP;
  }

  const width = GAP + columns * (cell + GAP);
  const sheet: Pixels = { width, height: bottom, data: new Uint8Array(width * bottom * 3) };
  for (let i = 0; i < sheet.data.length; i++) sheet.data[i] = BACKGROUND[i % 3]!;
  for (const row of rows) {
    const rowWidth = row.pictures.length * (cell + GAP) - GAP;
    const left = Math.floor((width - rowWidth) / 2);
    row.pictures.forEach((picture, column) => {
      const x = left + column * (cell + GAP) + Math.floor((cell - picture.width) / 2);
      const y = row.top + Math.floor((row.height - picture.height) / 2);
      paste(picture, sheet, x, y);
    });
  }
  return encodeJpeg(sheet, SHEET_QUALITY);
}

/** Chooses a sheet that is somewhat wider than high, with the fewest empty cells. */
function columnsFor(count: number): number {
  const least = Math.ceil(Math.sqrt(count));
  let best = least;
  for (let columns = least; columns <= Math.ceil(least * 1.5); columns++) {
    const holes = (n: number) => Math.ceil(count / n) * n - count;
    if (columns <= count && holes(columns) < holes(best)) best = columns;
  }
  return best;
}

/** Copies a picture into the sheet, row by row. */
function paste(picture: Pixels, sheet: Pixels, x: number, y: number): void {
  const bytes = picture.width * 3;
  for (let row = 0; row < picture.height; row++) {
    const from = picture.data.subarray(row * bytes, (row + 1) * bytes);
    sheet.data.set(from, ((y + row) * sheet.width + x) * 3);
  }
}
