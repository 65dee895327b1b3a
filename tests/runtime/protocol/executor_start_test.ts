import { assertEquals } from "@std/assert";
import { slowestOf, startOf } from "../../../runtime/protocol/executor_start.ts";

Deno.test("`startOf()` is pooled only if every executor was", () => {
  const [cold, pooled] = [{ start: "cold" }, { start: "pooled" }] as const;
  assertEquals([[pooled, pooled], [pooled, cold]].map(startOf), ["pooled", "cold"]);
});

Deno.test("`slowestOf()` returns both times of the executor that took longest", () => {
  const times = [{ bootMs: 9, startMs: 1 }, { bootMs: 4, startMs: 7 }, { bootMs: 0, startMs: 8 }];
  assertEquals(slowestOf(times), { bootMs: 4, startMs: 7 });
});
