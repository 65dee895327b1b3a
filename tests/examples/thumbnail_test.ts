import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { decodeJpeg, encodeJpeg, jpegSize } from "../../examples/demo/jpeg.ts";
import { fail, sleep5, thumbnail } from "../../examples/demo/functions.ts";
import { shrink } from "../../examples/demo/shrink.ts";

const photos = new URL("../../examples/demo/photos/", import.meta.url);

function photo(name: string): Uint8Array {
  return Deno.readFileSync(new URL(name, photos));
}

function made(input: Uint8Array, capacity = 1 << 17): Uint8Array {
  const output = new Uint8Array(capacity);
  return output.subarray(0, thumbnail(input, output));
}

/** A picture whose columns are black and white by turns. */
function stripes(width: number, height: number) {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) data.fill(i % width % 2 * 255, i * 3, i * 3 + 3);
  return { width, height, data };
}

Deno.test("`thumbnail()` has a longer side of 256 pixels, upright or not", () => {
  assertEquals(jpegSize(made(photo("aitzgorri.jpg"))), { width: 256, height: 170 });
  assertEquals(jpegSize(made(photo("wine.jpg"))), { width: 171, height: 256 });
});

Deno.test("`thumbnail()` returns equal bytes for equal bytes", () => {
  assertEquals(made(photo("free.jpg")), made(photo("free.jpg")));
});

Deno.test("`thumbnail()` shows what the photograph shows", () => {
  const whole = decodeJpeg(photo("bridge.jpg"));
  const small = decodeJpeg(made(photo("bridge.jpg")));
  // The sky at the top and the sand at the bottom, as the mean of all their pixels.
  for (const part of [0, 0.9]) {
    const [here, there] = [meanOfRows(whole, part), meanOfRows(small, part)];
    here.forEach((value, i) =>
      assertEquals(Math.abs(value - there[i]!) < 4, true, `${here} ${there}`)
    );
  }
});

Deno.test("`thumbnail()` does not enlarge a small picture", () => {
  assertEquals(jpegSize(made(encodeJpeg(stripes(40, 30), 90))), { width: 40, height: 30 });
});

Deno.test("`thumbnail()` refuses bytes that are no JPEG", () => {
  const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]);
  assertThrows(() => made(png), TypeError, "the 8 bytes do not begin with FF D8");
  assertThrows(() => made(new Uint8Array()), TypeError, "the 0 bytes do not begin with FF D8");
  assertThrows(
    () => made(new Uint8Array([0xff, 0xd8, 1, 2])),
    TypeError,
    "no frame header in its 4",
  );
});

Deno.test("`thumbnail()` refuses a JPEG that ends in its middle", () => {
  const whole = photo("free.jpg");
  const half = whole.subarray(0, whole.length / 2);
  assertThrows(() => made(half), TypeError, `Cannot decode a JPEG of ${half.length} bytes`);
});

Deno.test("`thumbnail()` refuses a picture of more than 50 megapixels, or of none", () => {
  const forged = photo("free.jpg");
  const view = new DataView(forged.buffer);
  const frame = forged.findIndex((byte, i) => byte === 0xff && forged[i + 1] === 0xc0);
  view.setUint16(frame + 5, 7001);
  view.setUint16(frame + 7, 8000);
  assertThrows(() => made(forged), RangeError, "a JPEG of 56.0 megapixels: 50 at most");
  view.setUint16(frame + 5, 0);
  assertThrows(() => made(forged), TypeError, "has 8000 by 0 pixels");
});

Deno.test("`thumbnail()` throws an error with the size of the result and of the output buffer", () => {
  const error = assertThrows(() => made(photo("free.jpg"), 100), RangeError) as RangeError;
  assertStringIncludes(error.message, "the output buffer has 100");
});

Deno.test("`shrink()` averages areas, where picking pixels would show stripes", () => {
  const { width, height, data } = shrink(stripes(200, 100), 50);
  assertEquals([width, height], [50, 25]);
  assertEquals([...new Set(data)], [128]);
  // 2 of 3 columns are white in every other pixel of the result, 1 of 3 in the others.
  assertEquals([...new Set(shrink(stripes(6, 3), 2).data)], [85, 170]);
});

Deno.test("`sleep5()` echoes later and `fail()` throws", async () => {
  const output = new Uint8Array(8);
  assertEquals(await sleep5(new Uint8Array([1, 2, 3]), output), 3);
  assertEquals([...output], [1, 2, 3, 0, 0, 0, 0, 0]);
  assertThrows(() => fail(output, output), Error, "always throws");
});

/** The mean colour of a tenth of a picture's rows, from the given part of its height. */
function meanOfRows(
  { width, height, data }: ReturnType<typeof decodeJpeg>,
  part: number,
): number[] {
  const rows = data.subarray(
    Math.floor(height * part) * width * 3,
    Math.floor(height * (part + 0.1)) * width * 3,
  );
  return [0, 1, 2].map((c) =>
    rows.reduce((sum, v, i) => i % 3 === c ? sum + v : sum, 0) / rows.length * 3
  );
}
