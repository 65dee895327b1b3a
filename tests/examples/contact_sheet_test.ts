import { assert, assertEquals, assertThrows } from "@std/assert";
import { contactSheet } from "../../examples/demo/contact_sheet.ts";
import { decodeJpeg, encodeJpeg, type Pixels } from "../../examples/demo/jpeg.ts";

type Color = [red: number, green: number, blue: number];

const gap = 20;
const ground: Color = [24, 25, 28];
const red: Color = [220, 30, 40];
const green: Color = [20, 200, 60];
const blue: Color = [30, 60, 210];

function plain(width: number, height: number, color: Color): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = color[i % 3]!;
  return encodeJpeg({ width, height, data }, 95);
}

function assertColor({ width, data }: Pixels, x: number, y: number, color: Color): void {
  const found = [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
  const isClose = color.every((value, i) => Math.abs(value - found[i]!) <= 12); // JPEG is lossy
  assert(isClose, `${found} at ${x}, ${y} instead of ${color}`);
}

Deno.test("`contactSheet()` centers each thumbnail in its cell", () => {
  const sheet = decodeJpeg(contactSheet([plain(200, 100, red), plain(60, 160, green)]));
  assertEquals([sheet.width, sheet.height], [gap + 2 * (200 + gap), gap + 160 + gap]);
  assertColor(sheet, 120, 100, red);
  assertColor(sheet, 120, 55, red); // its top edge lies at 50
  assertColor(sheet, 120, 40, ground);
  assertColor(sheet, 340, 100, green);
  assertColor(sheet, 345, 30, green);
  assertColor(sheet, 300, 100, ground);
  assertColor(sheet, 5, 5, ground);
});

Deno.test("`contactSheet()` centers a short last row", () => {
  // Four columns: they leave one hole, where three would leave two and five three.
  const seven = [red, green, blue, green, red, blue, green].map((color) => plain(64, 64, color));
  const sheet = decodeJpeg(contactSheet(seven));
  assertEquals([sheet.width, sheet.height], [gap + 4 * (64 + gap), gap + 2 * (64 + gap)]);
  const [first, last] = [gap + 32, sheet.height - gap - 32];
  assertColor(sheet, gap + 5, first, red);
  assertColor(sheet, gap + 5, last, ground); // the last row begins half a cell to the right
  assertColor(sheet, gap + 42 + 32, last, red);
  assertColor(sheet, gap + 42 + 2 * 84 + 32, last, green);
  assertColor(sheet, gap + 42 + 2 * 84 + 64 + 10, last, ground);
});

Deno.test("`contactSheet()` accepts one thumbnail or more", () => {
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

Deno.test("`contactSheet()` refuses no thumbnails, and bytes that are no JPEG", () => {
  assertThrows(() => contactSheet([]), RangeError, "there are 0 thumbnails");
  assertThrows(() => contactSheet([new Uint8Array(3)]), TypeError, "Cannot read a JPEG");
});
