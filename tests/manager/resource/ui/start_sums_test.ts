/** The rows of a heat map, from the counts that the page has received. */
import { assertEquals } from "@std/assert";
import { StartCounts } from "../../../../manager/resource/ui/page/start_counts.js";
import { printedSeed } from "../../../support/seed.ts";

const NOW_MS = 1_800_000_030_000;
const NOW = Math.floor(NOW_MS / 60_000);
const starts = (columns: { minute: number; pooled: number[]; cold: number[] }[], minutes = 60) => ({
  nowMs: NOW_MS,
  starts: { boundsMs: [200, 500, 1000], minutes, columns },
});
const column = (minute: number, ...pooled: number[]) => ({ minute, pooled, cold: [0, 0, 0, 1] });

Deno.test("`StartCounts.map()` has the slowest starts first, each row with its range and total", () => {
  const counts = new StartCounts();
  const columns = [column(NOW - 1, 1, 0, 3, 4), column(NOW, 10, 0, 0, 0)];
  counts.apply({ whole: true, ...starts(columns, 3) });
  const { columns: times, rows, total } = counts.map("pooled", NOW_MS, 1);
  assertEquals(times, [NOW - 2, NOW - 1, NOW].map((minute) => minute * 60_000));
  assertEquals(rows.map(({ name, counts, total }) => [name, total, ...counts]), [
    ["over 1 s", 4, 0, 4, 0],
    ["0.5–1 s", 3, 0, 3, 0],
    ["200–500 ms", 0, 0, 0, 0],
    ["0–200 ms", 11, 0, 1, 10],
  ]);
  assertEquals(total, 18);
  assertEquals(counts.map("cold", NOW_MS, 1).total, 2);
});

Deno.test("`StartCounts.apply()` replaces what changed, and everything by a whole change", () => {
  const counts = new StartCounts();
  const totals = () => counts.map("pooled", NOW_MS, 1).total;
  counts.apply({ whole: false, ...starts([column(NOW - 1, 1, 0, 0, 0)]) });
  counts.apply({ whole: false, ...starts([column(NOW, 5, 0, 0, 0)]) });
  assertEquals(totals(), 6);
  counts.apply({ whole: false, ...starts([column(NOW, 7, 0, 0, 0)]) });
  assertEquals(totals(), 8);
  counts.apply({ whole: true, ...starts([column(NOW, 2, 0, 0, 0)]) });
  assertEquals(totals(), 2);
  assertEquals(counts.map("pooled", NOW_MS + 59 * 60_000, 1).total, 2);
  assertEquals(counts.map("pooled", NOW_MS + 60 * 60_000, 1).total, 0);
  // A minute that is over is not kept.
  counts.apply({ whole: false, ...starts([]), nowMs: NOW_MS + 60 * 60_000 });
  assertEquals(totals(), 0);
});

Deno.test("`StartCounts.map()` has each start of the time in one cell, whatever the width of a column", () => {
  let state = 1 + printedSeed("start sums") % 2_147_483_646;
  const random = (most: number) => (state = state * 48_271 % 2_147_483_647) % most;
  for (let run = 0; run < 50; run++) {
    const counts = new StartCounts();
    const columns = Array.from(
      { length: 80 },
      (_, at) => column(NOW - at, random(3), random(50), 0, random(9)),
    );
    counts.apply({ whole: true, ...starts(columns) });
    for (const minutesEach of [1, 3]) {
      const nowMs = NOW_MS + random(90) * 60_000;
      const map = counts.map("pooled", nowMs, minutesEach);
      const first = map.columns[0]! / 60_000;
      const kept = columns.filter(({ minute }) => minute >= first && minute > NOW - 60);
      const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
      const expected = sum(kept.flatMap(({ pooled }) => pooled));
      assertEquals(map.columns.length, 60 / minutesEach);
      assertEquals(map.total, expected);
      assertEquals(sum(map.rows.map(({ total }) => total)), expected);
      assertEquals(sum(map.rows.flatMap(({ counts }) => counts)), expected);
    }
  }
});
