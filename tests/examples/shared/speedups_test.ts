import { assertEquals } from "@std/assert";
import { paysFrom, speedup, verdicts } from "../../../examples/shared/speedups.ts";
import type { Way } from "../../../examples/shared/way.ts";

const way = (name: string, kind: Way["kind"]): Way => ({
  name,
  kind,
  workers: [],
  async [Symbol.asyncDispose]() {},
});
const WAYS = [
  way("1 local thread", "thread"),
  way("2 local threads", "threads"),
  way("lease, 1 worker", "lease"),
  way("HTTP, 1 process", "http"),
];
const ROWS = [
  { size: 10, ms: [1, 0.5, 2, 50] },
  { size: 100, ms: [10, 5, 8, 60] },
  { size: 1000, ms: [100, 50, 62.5, 125] },
];

Deno.test("`verdicts()` compares each way with one thread and with the ideal", () => {
  const found = verdicts("rows", WAYS, ROWS);
  assertEquals(found.map(({ kind }) => kind), ["threads", "lease", "http"]);
  assertEquals(found.map(({ text }) => text), [
    "2 local threads: 2.00 times as fast as 1 local thread; it pays from 10 rows",
    "lease, 1 worker: 1.60 times as fast as 1 local thread, 80 % of 2 local threads; it pays from 100 rows",
    "HTTP, 1 process: 1.25 times slower than 1 local thread, 40 % of 2 local threads; it does not pay up to 1,000 rows",
  ]);
});

Deno.test("`paysFrom()` ignores a size from which on a way is not always faster", () => {
  const rows = [
    { size: 1, ms: [3, 2] },
    { size: 2, ms: [2, 3] },
    { size: 4, ms: [3, 2] },
  ];
  assertEquals([paysFrom(rows, 1), speedup(rows[2]!, 1)], [4, 1.5]);
});
