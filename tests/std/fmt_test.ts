/** The texts of sizes, durations and colors. */

import { assertEquals, assertThrows } from "@std/assert";
import { format as formatBytes } from "@std/fmt/bytes";
import { format as formatDuration } from "@std/fmt/duration";
import * as colors from "@std/fmt/colors";

Deno.test("`format()` of bytes writes three digits and a unit", () => {
  assertEquals(
    [
      formatBytes(1337),
      formatBytes(8 * 2 ** 30, { binary: true }),
      formatBytes(1.5 * 2 ** 40, { binary: true }),
      formatBytes(1024, { binary: true, minimumFractionDigits: 1 }),
      formatBytes(1337, { maximumFractionDigits: 0 }),
      formatBytes(1000, { bits: true }),
      formatBytes(5, { signed: true }),
    ],
    ["1.34 kB", "8 GiB", "1.5 TiB", "1.0 kiB", "1 kB", "1 kbit", "+5 B"],
  );
  assertThrows(() => formatBytes(NaN), TypeError, "finite");
});

Deno.test("`format()` of durations writes each unit", () => {
  assertEquals(
    [
      formatDuration(93_784_005, { ignoreZero: true }),
      formatDuration(61_000, { style: "full", ignoreZero: true }),
      formatDuration(61_000, { style: "digital", ignoreZero: true }),
      formatDuration(0),
    ],
    ["1d 2h 3m 4s 5ms", "1 minute, 1 second", "00:00:01:01", "0d 0h 0m 0s 0ms 0µs 0ns"],
  );
  // @ts-expect-error -- no such style
  assertThrows(() => formatDuration(1, { style: "short" }), TypeError, "style");
});

Deno.test("colors surround a text, unless NO_COLOR is set", () => {
  const { bold, cyan, dim, green, red, yellow } = colors;
  const colored = [bold, cyan, dim, green, red, yellow].map((color) => color("a"));
  assertEquals(new Set(colored).size, Deno.noColor ? 1 : 6);
  assertEquals(red("a"), Deno.noColor ? "a" : "\x1b[31ma\x1b[39m");
});
