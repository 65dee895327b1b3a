import { assertEquals, assertThrows } from "@std/assert";
import { BYTE_SIZE_PATTERN, parseBytes, tryParseBytes } from "../../runtime/byte_size.ts";

Deno.test("`parseBytes()` reads numbers, and texts with decimal and binary units", () => {
  const sizes: [string | number, number][] = [
    [0, 0],
    [4096, 4096],
    [1.5, 2],
    ["4096", 4096],
    ["8B", 8],
    ["1kB", 1000],
    ["1.5 KiB", 1536],
    ["256MiB", 2 ** 28],
    ["2gb", 2e9],
    ["1TB", 1e12],
    [" 1TiB ", 2 ** 40],
  ];
  for (const [size, bytes] of sizes) assertEquals(parseBytes(size, "memory"), bytes, String(size));
});

Deno.test("`parseBytes()` throws an error with the option and the value if it is not a size", () => {
  for (
    const wrong of [
      "",
      "lots",
      "1iB",
      "1XiB",
      "-1",
      "1 2",
      -1,
      NaN,
      Infinity,
      2 ** 60,
      "9000000TiB",
    ]
  ) {
    assertEquals(tryParseBytes(wrong), undefined, String(wrong));
    assertThrows(() => parseBytes(wrong, "maxBytes"), RangeError, "Cannot read maxBytes: expected");
  }
  assertThrows(() => parseBytes("lots", "memory"), RangeError, 'not "lots"');
});

Deno.test("`BYTE_SIZE_PATTERN` has no flags, so its published source means the same", () => {
  assertEquals(BYTE_SIZE_PATTERN.flags, "");
});
