import { assertEquals } from "@std/assert";
import { medianOf } from "../../bench/median.ts";

Deno.test("`medianOf()` returns the middle, whatever the order", () => {
  const values = [5, 1, 3];
  assertEquals([medianOf(values), medianOf([4, 1, 3, 2])], [3, 2.5]);
  assertEquals(values, [5, 1, 3]);
});
