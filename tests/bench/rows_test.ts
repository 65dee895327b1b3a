import { assertEquals } from "@std/assert";
import { toJson, toRow, toTable } from "../../bench/rows.ts";

Deno.test("`toRow()` returns microseconds and calls per second", () => {
  const { curve, ...row } = toRow("hot", "a path", 64, [4, 1, 3, 2]);
  assertEquals(row, {
    suite: "hot",
    path: "a path",
    bytes: 64,
    n: 4,
    min_us: 1,
    p50_us: row.p50_us,
    p90_us: row.p90_us,
    p99_us: row.p99_us,
    p999_us: row.p999_us,
    per_second: 400_000,
  });
  assertEquals([row.p50_us, row.p90_us, row.p99_us, row.p999_us].map(Math.round), [2, 4, 4, 4]);
  assertEquals(curve!.length > 0, true);
});

Deno.test("`toJson()` has the machine, and exactly the documented fields of each row", () => {
  const rows = [toRow("hot", "a", 64, [1]), toRow("cold", "b", 0, [2])];
  const parsed = JSON.parse(toJson({ cores: 2 }, rows, ["NATS (it is not installed)"]));
  assertEquals(Object.keys(parsed), ["machine", "skipped", "rows"]);
  assertEquals(parsed.skipped, ["NATS (it is not installed)"]);
  assertEquals(parsed.machine, { cores: 2 });
  for (const row of parsed.rows) {
    assertEquals(Object.keys(row), [
      "suite",
      "path",
      "bytes",
      "n",
      "min_us",
      "p50_us",
      "p90_us",
      "p99_us",
      "p999_us",
      "per_second",
    ]);
  }
});

Deno.test("`toTable()` compares rows of one size with the fastest of them", () => {
  const table = toTable([
    toRow("hot", "fast", 64, [1]),
    toRow("hot", "slow", 64, [3]),
    toRow("hot", "large", 4096, [50]),
  ]);
  const ratios = table.split("\n").slice(1).map((line) => line.split(/\s+/).at(-1));
  assertEquals(ratios, ["1.0", "3.0", "1.0"]);
});

Deno.test("`toTable()` has no ratio to a time of zero", () => {
  const [, ...lines] = toTable([toRow("cold", "a", 0, [0]), toRow("cold", "b", 0, [2])]).split(
    "\n",
  );
  assertEquals(lines.map((line) => line.trim().split(/ +/).at(-1)), ["-", "-"]);
});
