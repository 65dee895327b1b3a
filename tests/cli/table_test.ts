import { assertEquals } from "@std/assert";
import { durationText, sizeText } from "../../cli/quantity_text.ts";
import { alignColumns, table } from "../../cli/table.ts";

Deno.test("`alignColumns()` aligns cells, without blanks at the end", () => {
  const lines = [["n", "name"], ["10", "a"], ["7", "long"]];
  assertEquals(alignColumns(lines, [1]), " n  name\n10  a\n 7  long");
});

Deno.test("`table()` aligns columns of numbers to the right", () => {
  assertEquals(table(["NAME", "N"], [["a", 1], ["long", 10]]), "NAME   N\na      1\nlong  10");
  assertEquals(table(["NAME", "N"], []), "NAME  N");
  assertEquals(table(["N"], [["-"], [10]]), " N\n -\n10");
});

Deno.test("`sizeText()` writes binary units with three digits", () => {
  const sizes = [0, 64, 4096, 1.5 * 2 ** 20, 23.5 * 2 ** 30, 2 ** 40].map(sizeText);
  assertEquals(sizes, ["0 B", "64 B", "4 KiB", "1.5 MiB", "23.5 GiB", "1 TiB"]);
});

Deno.test("`durationText()` rounds to seconds", () => {
  const durations = [0, 400, 45_400, 60_000, 5_400_000, 86_400_000].map(durationText);
  assertEquals(durations, ["0s", "0s", "45s", "1m", "1h 30m", "1d"]);
});
