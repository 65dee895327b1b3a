/** `BeatWatch`, on a clock of the test. */

import { assertEquals } from "@std/assert";
import { BeatWatch } from "../../../../manager/executor/executors/beat_watch.ts";

function setUp() {
  let nowMs = 1000;
  const process = { beats: 0n, stopped: false };
  const dead: string[] = [];
  const watch = new BeatWatch(() => nowMs);
  const end = watch.watch({
    beats: () => process.beats,
    isStopped: () => process.stopped,
    onDead: ({ code, message }) => dead.push(`${code}: ${message}`),
  });
  const check = (ms: number, beats = 0n) => {
    process.beats += beats;
    nowMs += ms;
    watch.check();
  };
  return { process, dead, check, end, [Symbol.dispose]: () => watch[Symbol.dispose]() };
}

Deno.test("`BeatWatch` ends a process that a signal has stopped after three beats, and one without a beat much later", () => {
  using stopped = setUp();
  stopped.process.stopped = true;
  for (let i = 0; i < 3; i++) stopped.check(250);
  assertEquals(stopped.dead, []);
  for (let i = 0; i < 2; i++) stopped.check(250);
  assertEquals(stopped.dead, ["silent: a signal has stopped its process"]);
  using hanging = setUp();
  for (let i = 0; i < 39; i++) hanging.check(250);
  assertEquals(hanging.dead, []);
  for (let i = 0; i < 3; i++) hanging.check(250);
  assertEquals(hanging.dead, ["silent: its main thread has not responded for 10250 ms"]);
});

Deno.test("`BeatWatch` judges no process that beats, that has ended, or while it was late itself", () => {
  using beating = setUp();
  beating.process.stopped = true;
  for (let i = 0; i < 20; i++) beating.check(250, 1n);
  using late = setUp();
  late.process.stopped = true;
  for (let i = 0; i < 5; i++) late.check(5000);
  using ended = setUp();
  ended.process.stopped = true;
  ended.end();
  for (let i = 0; i < 20; i++) ended.check(250);
  assertEquals([beating.dead, late.dead, ended.dead], [[], [], []]);
});
