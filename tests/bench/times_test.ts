import { assert, assertEquals, assertThrows } from "@std/assert";
import { Times } from "../../bench/times.ts";

/** Asserts equality within the three digits of the histogram. */
function assertClose(actual: number, expected: number): void {
  assert(Math.abs(actual / expected - 1) < 0.002, `${actual} is not close to ${expected}`);
}

Deno.test("`Times` finds percentiles from parts of a nanosecond to minutes, to three digits", () => {
  for (const unit of [0.0001, 0.2, 1, 1000, 1e6]) {
    const times = Times.of(
      Array.from({ length: 1000 }, (_, i) => (i * 7919 % 1000 + 1) * unit),
    );
    assertEquals(times.count, 1000);
    assertEquals(times.minUs, unit);
    assertClose(times.meanUs, 500.5 * unit);
    for (const [percent, rank] of [[50, 500], [90, 900], [99, 990], [99.9, 999]] as const) {
      assertClose(times.percentileUs(percent), rank * unit);
    }
  }
});

Deno.test("`Times.curve()` goes from the fastest value to the slowest", () => {
  const curve = Times.of(Array.from({ length: 1000 }, (_, i) => i + 1)).curve();
  assertEquals(curve[0]![0], 0);
  assertEquals(curve.at(-1)![0], 3);
  assertClose(curve.at(-1)![1], 1000);
  assertClose(curve.find(([nines]) => nines === 1)![1], 900);
  assertClose(curve.find(([nines]) => nines === 2)![1], 990);
  assert(curve.every(([, us], i) => i === 0 || us >= curve[i - 1]![1]), "it never falls");
});

Deno.test("`Times` refuses wrong times, and has no percentile without a value", () => {
  const times = new Times();
  for (const wrong of [NaN, -1, Infinity, 1e10]) assertThrows(() => times.add(wrong), RangeError);
  assertThrows(() => times.percentileUs(50), RangeError, "there are 0 values");
  times.add(0); // below the resolution of the counter
  assertEquals(times.percentileUs(50), 0);
});
