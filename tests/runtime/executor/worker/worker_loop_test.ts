/** When a worker yields and when it sleeps, on a core whose load is simulated. */

import { assert, assertEquals } from "@std/assert";
import type { Connection } from "../../../../fabric/fabric.ts";
import type { CallServer } from "../../../../runtime/executor/worker/call_server.ts";
import { CoreShare } from "../../../../runtime/executor/worker/core_share.ts";
import { SLOT_WATCH, STOP } from "../../../../runtime/executor/watch_words.ts";
import type { WorkClock } from "../../../../runtime/executor/worker/work_clock.ts";
import { WorkerLoop } from "../../../../runtime/executor/worker/worker_loop.ts";
import { POLLS_PER_LOOK, SCARCE_MS } from "../../../../runtime/policy.ts";

/** After this time a worker that never sleeps is stopped. */
const MAX_PLAY_MS = 5000;
/** A client that slept needs up to 0.13 ms to wake and call again. */
const CALLS_AGAIN_MS = 0.5;
/** More than the processor's clock and performance.now() can differ. */
const CLOCK_MS = 0.05;

const none = () => {};

interface Play {
  readonly hotMs: number;
  readonly sharesCore?: boolean;
  /** Returns whether there was a call to serve. */
  serveNext(stop: () => void): boolean;
  onSleep(stop: () => void): void;
  onYield(stop: () => void): void;
  /** The worker publishes its core. */
  onPublish?(): void;
}

/** Runs a worker's loop until it is stopped. */
async function play(
  { hotMs, sharesCore = false, serveNext, onSleep, onYield, onPublish = none }: Play,
): Promise<void> {
  const watch = new Int32Array(SLOT_WATCH);
  const stop = () => void (watch[STOP] = 1);
  const untilMs = performance.now() + MAX_PLAY_MS;
  let looks = 0;
  const loop = new WorkerLoop({
    hotMs,
    watch,
    stopFd: -1,
    cores: new CoreShare(() => onYield(stop)),
    clock: {
      look: () => 1000 * performance.now(), // a counter of microseconds
      yielded: none,
      slept: none,
      leave: none,
      resume: none,
    } as unknown as WorkClock,
    connection: {
      state: "connected",
      shared: { sharesCore, publishCore: onPublish },
      probe: () => true,
      waitSync() {
        onSleep(stop);
        return true;
      },
    } as unknown as Connection,
    server: {
      inPlace: true,
      pending: 0,
      look() {},
      broken: "",
      serveNext() {
        if (++looks % 1024 === 0 && performance.now() > untilMs) stop();
        return serveNext(stop);
      },
    } as unknown as CallServer,
  });
  assertEquals((await loop.run()).code, "stopped");
}

function burn(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

Deno.test("a worker whose core others need sleeps early, but not before its client can call again", async () => {
  let served = 0;
  let servedMs = 0;
  let yields = 0;
  const sleptAfterMs: number[] = [];
  await play({
    hotMs: 60_000,
    serveNext() {
      if (served > sleptAfterMs.length) return false;
      served++;
      servedMs = performance.now();
      return true;
    },
    onSleep(stop) {
      sleptAfterMs.push(performance.now() - servedMs);
      if (sleptAfterMs.length === 3) stop();
    },
    onYield: () => burn(yields++ === 0 ? 2 * SCARCE_MS : 0), // one long yield makes the core scarce for a second
  });
  assertEquals(sleptAfterMs.length, 3, "it never slept");
  const least = Math.min(...sleptAfterMs);
  assert(least >= CALLS_AGAIN_MS, `it slept after ${sleptAfterMs} ms`);
});

Deno.test("a worker whose core no other thread needs stays hot for its hot time", async () => {
  const HOT_MS = 30;
  const MAX_ATTEMPTS = 10;
  const sleptAfterMs: number[] = [];
  while (sleptAfterMs.length < MAX_ATTEMPTS && !(sleptAfterMs.at(-1)! >= HOT_MS - CLOCK_MS)) {
    let servedMs = 0;
    await play({
      hotMs: HOT_MS,
      serveNext() {
        if (servedMs > 0) return false;
        servedMs = performance.now();
        return true;
      },
      onSleep(stop) {
        sleptAfterMs.push(performance.now() - servedMs);
        stop();
      },
      onYield: none, // on a busy host the core may really be lost; hence several attempts
    });
  }
  const last = sleptAfterMs.at(-1)!;
  assert(last >= HOT_MS - CLOCK_MS, `it slept after ${sleptAfterMs} ms`);
});

Deno.test("a worker that never sleeps publishes its core at each look: the kernel may move it at any time", async () => {
  const LOOKS = 20;
  let published = 0;
  let polls = 0;
  await play({
    hotMs: Infinity,
    serveNext(stop) {
      if (++polls === (LOOKS + 1) * POLLS_PER_LOOK) stop();
      return false;
    },
    onSleep: none,
    onYield: none,
    onPublish: () => void published++,
  });
  assert(published >= LOOKS, `${published} times in ${LOOKS} looks`);
});

Deno.test("a worker that was woken publishes its core, and yields once, after its first reply", async () => {
  const seen: string[] = [];
  let calls = 0;
  await play({
    hotMs: 0,
    serveNext(stop) {
      if (!seen.includes("sleeps")) return false;
      if (calls === 3) {
        stop();
        return false;
      }
      calls++;
      seen.push("serves");
      return true;
    },
    onSleep: () => void seen.push("sleeps"),
    onYield: () => void seen.push("yields"),
    onPublish: () => void (seen.at(-1) === "sleeps" && seen.push("publishes its core")),
  });
  const from = seen.indexOf("sleeps");
  assertEquals(
    seen.slice(from, from + 6),
    ["sleeps", "publishes its core", "serves", "yields", "serves", "serves"],
  );
});

Deno.test("a worker that shares its only core with its client sleeps at once, and never yields", async () => {
  const seen: string[] = [];
  let calls = 0;
  await play({
    hotMs: Infinity,
    sharesCore: true,
    serveNext() {
      if (calls === 0) return false;
      calls--;
      seen.push("serves");
      return true;
    },
    onSleep(stop) {
      seen.push("sleeps");
      if (seen.length >= 6) stop();
      else calls = 2;
    },
    onYield(stop) {
      seen.push("yields");
      stop();
    },
  });
  assertEquals(seen, ["sleeps", "serves", "serves", "sleeps", "serves", "serves", "sleeps"]);
});
