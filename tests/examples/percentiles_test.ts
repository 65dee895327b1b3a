import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { percentileOf, percentiles } from "../../examples/demo/percentiles.ts";

/** By the definition: the smallest value that at least `percent` of all values do not exceed. */
function naive(values: number[], percent: number): number {
  const enough = (value: number) =>
    values.filter((other) => other <= value).length * 1000 >=
      Math.round(percent * 10) * values.length;
  return Math.min(...values.filter(enough));
}

Deno.test("`percentiles()` agrees with the definition", () => {
  const someValues = fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 300 });
  fc.assert(fc.property(someValues, (values) => {
    const found = percentiles(Float64Array.from(values));
    assertEquals(found, {
      p50: naive(values, 50),
      p99: naive(values, 99),
      p999: naive(values, 99.9),
      min: Math.min(...values),
      max: Math.max(...values),
    });
  }));
});

Deno.test("`percentiles()` finds exact ranks of a thousand and of one", () => {
  const thousand = Float64Array.from({ length: 1000 }, (_, i) => 1000 - i);
  assertEquals(percentiles(thousand), { p50: 500, p99: 990, p999: 999, min: 1, max: 1000 });
  assertEquals(thousand[0], 1); // sorted in place
  assertEquals(percentiles(Float64Array.of(7)), { p50: 7, p99: 7, p999: 7, min: 7, max: 7 });
});

Deno.test("`percentileOf()` refuses no values, and percentiles out of range", () => {
  assertThrows(() => percentiles(new Float64Array()), RangeError, "there are 0 values");
  assertThrows(() => percentileOf(Float64Array.of(1), 0), RangeError, "Cannot find percentile 0:");
  assertThrows(
    () => percentileOf(Float64Array.of(1), 101),
    RangeError,
    "percentile 101: it lies outside 0 to 100",
  );
  assertThrows(
    () => percentileOf(Float64Array.of(1), NaN),
    RangeError,
    "percentile NaN: it lies outside",
  );
});
