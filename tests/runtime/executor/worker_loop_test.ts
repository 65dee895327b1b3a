/** When a worker yields and when it sleeps, on a core whose business the test decides. */

import { assert, assertEquals } from "@std/assert";
import type { Connection } from "../../../fabric/fabric.ts";
import type { CallServer } from "../../../runtime/executor/call_server.ts";
import { CoreShare } from "../../../runtime/executor/core_share.ts";
import { SLOT_WATCH, STOP } from "../../../runtime/executor/watch_words.ts";
import type { WorkClock } from "../../../runtime/executor/work_clock.ts";
import { WorkerLoop } from "../../../runtime/executor/worker_loop.ts";
import { SCARCE_MS } from "../../../runtime/policy.ts";

/** A worker that never sleeps is stopped then. */
const PATIENCE_MS = 5000;
/** A client that slept needs up to 0.13 ms to wake and call again, as was seen. */
const CALLS_AGAIN_MS = 0.5;
/** More than the processor's clock and performance.now() may differ by. */
const CLOCK_MS = 0.05;

const none = () => {};

interface Play {
  readonly hotMs: number;
  /** Is there a call to serve? */
  serveNext(stop: () => void): boolean;
  onSleep(stop: () => void): void;
  onYield(stop: () => void): void;
}

/** Runs a worker's loop until it is stopped. */
async function play({ hotMs, serveNext, onSleep, onYield }: Play): Promise<void> {
  const watch = new Int32Array(SLOT_WATCH);
  const stop = () => void (watch[STOP] = 1);
  const untilMs = performance.now() + PATIENCE_MS;
  let looks = 0;
  const loop = new WorkerLoop({
    hotMs,
    watch,
    stopFd: -1,
    cores: new CoreShare(() => onYield(stop)),
    contexts: { look: none },
    clock: { look: none, slept: none } as unknown as WorkClock,
    connection: {
      state: "connected",
      probe: () => true,
      waitSync() {
        onSleep(stop);
        return true;
      },
    } as unknown as Connection,
    server: {
      inPlace: true,
      pending: 0,
      broken: "",
      serveNext() {
        if (++looks % 1024 === 0 && performance.now() > untilMs) stop();
        return serveNext(stop);
      },
    } as unknown as CallServer,
  });
  assertEquals(await loop.run(), "stopped");
}

function burn(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

Deno.test("where others want its core a worker sleeps early, but not before its client can call again", async () => {
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
    onYield: () => burn(yields++ === 0 ? 2 * SCARCE_MS : 0), // once is enough to know it for a second
  });
  assertEquals(sleptAfterMs.length, 3, "it never slept");
  const least = Math.min(...sleptAfterMs);
  assert(least >= CALLS_AGAIN_MS, `it slept after ${sleptAfterMs} ms`);
});

Deno.test("where nobody wants its core a worker stays hot as long as it is to", async () => {
  const HOT_MS = 30;
  const TRIES = 10;
  const sleptAfterMs: number[] = [];
  while (sleptAfterMs.length < TRIES && !(sleptAfterMs.at(-1)! >= HOT_MS - CLOCK_MS)) {
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
      onYield: none, // on a busy host the core may be lost for real just then: once it will not be
    });
  }
  const last = sleptAfterMs.at(-1)!;
  assert(last >= HOT_MS - CLOCK_MS, `it slept after ${sleptAfterMs} ms`);
});

Deno.test("a worker that was woken yields once, after its first reply", async () => {
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
  });
  const from = seen.indexOf("sleeps");
  assertEquals(seen.slice(from, from + 5), ["sleeps", "serves", "yields", "serves", "serves"]);
});
