import { assertEquals } from "@std/assert";
import { RunningClock } from "../../../../manager/executor/bills/running_clock.ts";

Deno.test("`RunningClock` follows the monotonic clock, and leaves out gaps of 3 s or more", () => {
  let nowMs = 100;
  using clock = new RunningClock(() => nowMs);
  const after = (ms: number) => {
    nowMs += ms;
    return clock.nowMs();
  };
  assertEquals(after(0.5), 100.5);
  assertEquals(after(2999), 3099.5);
  assertEquals(after(3000), 3099.5);
  assertEquals(after(10), 3109.5);
  assertEquals(after(1e6), 3109.5);
});
