import { assert, assertEquals, assertThrows } from "@std/assert";
import { contactSheet } from "../../examples/demo/contact_sheet.ts";
import { decodeJpeg, encodeJpeg, type Pixels } from "../../examples/demo/jpeg.ts";

type Colour = [red: number, green: number, blue: number];

const gap = 20;
const ground: Colour = [24, 25, 28];
const red: Colour = [220, 30, 40];
const green: Colour = [20, 200, 60];
const blue: Colour = [30, 60, 210];

function plain(width: number, height: number, colour: Colour): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = colour[i % 3]!;
  return encodeJpeg({ width, height, data }, 95);
}

function assertColour({ width, data }: Pixels, x: number, y: number, colour: Colour): void {
  const found = [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
  const near = colour.every((value, i) => Math.abs(value - found[i]!) <= 12); // JPEG is lossy
  assert(near, `${found} at ${x}, ${y} instead of ${colour}`);
}

Deno.test("`contactSheet()` centres each thumbnail in its cell", () => {
  const sheet = decodeJpeg(contactSheet([plain(200, 100, red), plain(60, 160, green)]));
  assertEquals([sheet.width, sheet.height], [gap + 2 * (200 + gap), gap + 160 + gap]);
  assertColour(sheet, 120, 100, red);
  assertColour(sheet, 120, 55, red); // its top edge lies at 50
  assertColour(sheet, 120, 40, ground);
  assertColour(sheet, 340, 100, green);
  assertColour(sheet, 345, 30, green);
  assertColour(sheet, 300, 100, ground);
  assertColour(sheet, 5, 5, ground);
});

Deno.test("`contactSheet()` centres a short last row", () => {
  // Four columns: they leave one hole, where three would leave two and five three.
  const seven = [red, green, blue, green, red, blue, green].map((colour) => plain(64, 64, colour));
  const sheet = decodeJpeg(contactSheet(seven));
  assertEquals([sheet.width, sheet.height], [gap + 4 * (64 + gap), gap + 2 * (64 + gap)]);
  const [first, last] = [gap + 32, sheet.height - gap - 32];
  assertColour(sheet, gap + 5, first, red);
  assertColour(sheet, gap + 5, last, ground); // the last row begins half a cell to the right
  assertColour(sheet, gap + 42 + 32, last, red);
  assertColour(sheet, gap + 42 + 2 * 84 + 32, last, green);
  assertColour(sheet, gap + 42 + 2 * 84 + 64 + 10, last, ground);
});

Deno.test("`contactSheet()` takes any number of thumbnails from one on", () => {
  for (const count of [1, 2, 3, 7, 13, 14, 40]) {
    const sheet = decodeJpeg(contactSheet(Array(count).fill(plain(32, 24, blue))));
    let found = 0; // cells whose middle is blue, wherever a row begins
    for (let y = gap + 12; y < sheet.height; y += 24 + gap) {
      for (let x = 0; x < sheet.width - 4; x++) {
        const at = (y * sheet.width + x) * 3;
        if (sheet.data[at + 2]! <= 120 && sheet.data[at + 5]! > 120) found++;
      }
    }
    assertEquals(found, count);
  }
});

Deno.test("`contactSheet()` refuses no thumbnails, and what is no JPEG", () => {
  assertThrows(() => contactSheet([]), RangeError, "there are 0 thumbnails");
  assertThrows(() => contactSheet([new Uint8Array(3)]), TypeError, "Cannot read a JPEG");
});
