import { assertEquals } from "@std/assert";
import { LoopWatch } from "../../../manager/resource/loop_watch.ts";
import { LOOP_TICK_MS, LOST_AFTER_MS } from "../../../manager/resource/policy.ts";
import { TestManager } from "../../support/manager/test_manager.ts";

Deno.test("`silenceMs()` grows by the stalls within it, also by one whose tick is still to come", () => {
  let nowMs = 1000;
  using watch = new LoopWatch(() => nowMs);
  const pass = (ms: number) => {
    nowMs += ms;
    watch.tick();
  };
  pass(LOOP_TICK_MS);
  pass(2 * LOOP_TICK_MS); // late, but no stall
  assertEquals(watch.silenceMs(), LOST_AFTER_MS);
  nowMs += 10_000;
  assertEquals(watch.silenceMs(), LOST_AFTER_MS + 10_000 - LOOP_TICK_MS);
  watch.tick();
  assertEquals(watch.silenceMs(), LOST_AFTER_MS + 10_000 - LOOP_TICK_MS);
  for (let ms = 0; ms < LOST_AFTER_MS - LOOP_TICK_MS; ms += LOOP_TICK_MS) pass(LOOP_TICK_MS);
  pass(1000);
  assertEquals(watch.silenceMs(), LOST_AFTER_MS + 11_000 - 2 * LOOP_TICK_MS);
  for (let ms = 0; ms < 20_000; ms += LOOP_TICK_MS) pass(LOOP_TICK_MS);
  assertEquals(watch.silenceMs(), LOST_AFTER_MS, "the stalls are too long ago");
});

Deno.test("`stoodStill` holds from a stall until four intervals after it", () => {
  let nowMs = 1000;
  using watch = new LoopWatch(() => nowMs);
  nowMs += LOOP_TICK_MS;
  assertEquals(watch.stoodStill, false);
  nowMs += 2000;
  assertEquals(watch.stoodStill, true, "its tick is still to come");
  watch.tick();
  assertEquals(watch.stoodStill, true);
  for (let n = 0; n < 4; n++) {
    assertEquals(watch.stoodStill, true);
    nowMs += LOOP_TICK_MS;
    watch.tick();
  }
  assertEquals(watch.stoodStill, false);
});

Deno.test("a resource manager that was late itself calls no node lost", async () => {
  await using test = await TestManager.start();
  await test.register("a");
  const untilMs = performance.now() + LOST_AFTER_MS + 500;
  while (performance.now() < untilMs); // its event loop is on this thread
  await test.client.takeLease({ workers: 1, memoryBytes: 1, termMs: 60_000 });
  assertEquals((await test.operator.nodes()).nodes.map(({ state }) => state), ["up"]);
});
