import { assertEquals, assertRejects } from "@std/assert";
import type { Contender } from "../../bench/contender.ts";
import { UnavailableError } from "../../bench/unavailable.ts";
import { Bench } from "../../bench/suites/suite.ts";
import { takeTurns } from "../../bench/turns.ts";

/** A bench whose counter is the clock in microseconds, and its notes. */
function openBench(signal = new AbortController().signal) {
  const notes: string[] = [];
  const bench = new Bench({
    cycles: () => performance.now() * 1000,
    quick: true,
    seconds: undefined,
    signal,
    onProgress: () => {},
    onNote: (text) => notes.push(text),
  });
  return { bench, notes };
}

/** Takes `us` microseconds a round, and fails at its `failsAt`th measurement. */
function contender(path: string, us: number, log: string[], failsAt = Infinity): Contender {
  let measured = 0;
  return {
    path,
    measure(_payload, times) {
      if (++measured >= failsAt) throw new Error("Cannot measure: broken");
      log.push(path);
      const untilMs = performance.now() + us * times.length / 1000;
      while (performance.now() < untilMs);
      times.fill(us);
    },
    async [Symbol.asyncDispose]() {},
  };
}

Deno.test("`takeTurns()` measures each in every turn, after a warm-up that does not count", async () => {
  const { bench, notes } = openBench();
  const log: string[] = [];
  const options = { suite: "hot", bytes: 64, turns: 3, turnMs: 1 };
  const contenders = [contender("a", 10, log), contender("b", 200, log)];
  const rows = await takeTurns(bench, { ...options, contenders });
  const turns = log.filter((path, i) => path !== log[i - 1]);
  assertEquals(turns, ["a", "b", "a", "b", "a", "b", "a", "b"]);
  assertEquals(rows, bench.rows);
  assertEquals(rows.map(({ path }) => path), ["a", "b"]);
  assertEquals(rows.map(({ p50_us }) => Math.round(p50_us * bench.perUs)), [10, 200]);
  assertEquals(notes, []);
});

Deno.test("`takeTurns()` continues without a contender that fails, and keeps its earlier times", async () => {
  const { bench, notes } = openBench();
  const log: string[] = [];
  const contenders = [
    contender("at once", 10, log, 1),
    contender("good", 2000, log),
    contender("later", 2000, log, 3),
  ];
  const rows = await takeTurns(bench, { suite: "hot", bytes: 64, turns: 3, turnMs: 1, contenders });
  assertEquals(rows.map(({ path, n }) => [path, n]), [["good", 15], ["later", 5]]);
  assertEquals(bench.failures, 2);
  assertEquals(notes.map((note) => note.replace(/: Error.*/, "")), [
    "hot, 64 bytes: at once failed",
    "hot, 64 bytes: later failed",
  ]);
});

Deno.test("`Bench.attempt()` notes what is unavailable, and counts no failure", async () => {
  const { bench, notes } = openBench();
  const result = await bench.attempt("hot: NATS", () => {
    throw new UnavailableError("nats-server is not installed");
  });
  assertEquals(result, undefined);
  assertEquals(bench.failures, 0);
  assertEquals(notes, ["hot: NATS was skipped: nats-server is not installed"]);
  assertEquals(bench.skipped, ["hot: NATS (nats-server is not installed)"]);
});

Deno.test("`takeTurns()` ends when the run is interrupted", async () => {
  const controller = new AbortController();
  const { bench, notes } = openBench(controller.signal);
  const log: string[] = [];
  const stopping: Contender = {
    ...contender("stops", 10, log),
    measure: () => controller.abort(new Error("Interrupted by the test")),
  };
  const contenders = [stopping, contender("never", 10, log)];
  const options = { suite: "hot", bytes: 64, contenders, turnMs: 1 };
  await assertRejects(() => takeTurns(bench, options), Error, "Interrupted by the test");
  assertEquals(log, []);
  assertEquals(notes, []);
});
