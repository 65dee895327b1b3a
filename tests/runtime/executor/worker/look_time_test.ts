/** The time that a worker's loop derives from its cycle counter. */

import { assert, assertEquals } from "@std/assert";
import { LOOKS_PER_READING, LookTime } from "../../../../runtime/executor/worker/look_time.ts";

const CYCLES_PER_MS = 2_000_000;

/** A clock and a counter that advance together, until the counter is changed. */
function timeOf() {
  let [ms, cycles, readings] = [1000, 5e12, 0];
  const time = new LookTime(() => {
    readings++;
    return ms;
  });
  return {
    readings: () => readings,
    jump: (by: number) => cycles += by,
    /** The difference to the clock after `elapsedMs`. */
    look(elapsedMs: number): number {
      ms += elapsedMs;
      cycles += elapsedMs * CYCLES_PER_MS;
      return Math.abs(time.at(cycles) - ms);
    },
  };
}

Deno.test("looks have the time, and few of them read the clock", () => {
  const { look, readings } = timeOf();
  for (let i = 0; i < 10 * LOOKS_PER_READING; i++) {
    const off = look(0.01);
    assert(off < 1e-6, `off by ${off} ms at look ${i}`);
  }
  assert(readings() < 30, `${readings()} readings`);
  const before = readings();
  assertEquals(look(500), 0); // a sleep
  assertEquals(readings(), before + 1);
});

Deno.test("a counter that jumps misleads no more looks than lie between two readings", () => {
  for (const by of [1e18, -4e12, 1e7, -1e7, 1e5]) {
    const { look, jump } = timeOf();
    for (let i = 0; i < 100; i++) look(0.01);
    jump(by);
    let wrong = 0;
    for (let i = 0; i < 10 * LOOKS_PER_READING; i++) if (look(0.01) > 0.1) wrong++;
    assert(wrong <= LOOKS_PER_READING, `${wrong} wrong looks after a jump of ${by} cycles`);
  }
});

Deno.test("a rate that was measured over a jump is measured again", () => {
  // The counter steps back by nearly all that it advanced since a reading: the rate comes out too high.
  for (let at = 1; at < 3 * LOOKS_PER_READING; at++) {
    const { look, jump } = timeOf();
    for (let i = 0; i < 100 + at; i++) look(0.01);
    jump(-0.305 * CYCLES_PER_MS);
    let wrong = 0;
    for (let i = 0; i < 100 * LOOKS_PER_READING; i++) if (look(0.01) > 0.1) wrong++;
    assert(wrong <= LOOKS_PER_READING, `${wrong} wrong looks after a jump at look ${100 + at}`);
  }
});

Deno.test("a counter that stands still is not believed", () => {
  let ms = 1000;
  const time = new LookTime(() => ms);
  let wrong = 0;
  for (let i = 0; i < 1000; i++) {
    ms += 1;
    if (time.at(7) !== ms) wrong++;
  }
  assertEquals(wrong, 0);
});
