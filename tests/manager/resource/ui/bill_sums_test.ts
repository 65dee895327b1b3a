import { assertAlmostEquals, assertEquals } from "@std/assert";
import { addBills, bucketsOf } from "../../../../manager/resource/ui/page/bill_sums.js";

const HOUR_MS = 3_600_000;
const hours = (count: number) => `${count * 3_600_000_000_000}`;
const bill = (sinceMs: number, untilMs: number, held: number, compute = 0, poll = 0) => ({
  lease: "a",
  node: "b",
  epoch: 1,
  client: "ada",
  workers: 1,
  memoryBytes: 1,
  sinceMs,
  untilMs,
  heldNs: hours(held),
  computeNs: hours(compute),
  pollNs: hours(poll),
});

Deno.test("`addBills()` spreads a bill over its life, and counts what is in the time alone", () => {
  const sums = bucketsOf(10 * HOUR_MS, 14 * HOUR_MS, 4);
  // Half of it is before the time: two of four hours, of 8 core hours.
  addBills(sums, [bill(8 * HOUR_MS, 12 * HOUR_MS, 8, 4, 2)]);
  addBills(sums, [bill(13 * HOUR_MS, 13 * HOUR_MS + 1000, 1), bill(15 * HOUR_MS, 16 * HOUR_MS, 9)]);
  const rounded = sums.columns.map(({ values }) =>
    values.map((each) => Math.round(each * 1e6) / 1e6)
  );
  assertEquals(rounded, [[1, 0.5, 0.5], [1, 0.5, 0.5], [0, 0, 0], [0, 0, 1]]);
  const { held, compute, poll } = sums.clients.get("ada")!;
  assertAlmostEquals(held, 5, 1e-6);
  assertEquals([compute, poll].map((each) => Math.round(each * 1e6) / 1e6), [2, 1]);
});

Deno.test("`addBills()` counts a bill without a life, and nothing without bills", () => {
  const sums = bucketsOf(0, 100, 2);
  addBills(sums, []);
  assertEquals([...sums.clients], []);
  addBills(sums, [bill(50, 50, 0)]);
  assertEquals(sums.columns.map(({ values }) => values), [[0, 0, 0], [0, 0, 0]]);
});
