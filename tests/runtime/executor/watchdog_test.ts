/** When a thread counts as held by a late call: by the processor time that it uses without an answer. */

import { assert, assertEquals } from "@std/assert";
import { openLibc } from "../../../ffi/libc.ts";
import { addressOf } from "../../../ffi/thread_memory.ts";
import {
  ANSWERS,
  FORGOTTEN,
  FORGOTTEN_LIMIT,
  FORGOTTEN_MS,
  SLOT_WATCH,
  THREAD,
  UNLIMITED,
  WATCH_SEQUENCE,
  WATCH_TIME_LEFT,
  watchWords,
} from "../../../runtime/executor/watch_words.ts";
import { Watchdog } from "../../../runtime/executor/watchdog.ts";
import { ANSWER_MS, BLOCKED_MS } from "../../../runtime/policy.ts";
import { until, within } from "../../support/waiting.ts";

/** Loops, or blocks without using its core, and answers nothing. */
const THREAD_CODE = `
  import { openLibc } from ${JSON.stringify(import.meta.resolve("../../../ffi/libc.ts"))};
  addEventListener("message", ({ data: { words, loops } }) => {
    const libc = openLibc();
    Atomics.store(words, ${THREAD}, libc.c.gettid());
    libc.close();
    postMessage(null);
    if (!loops) return void Atomics.wait(words, 0, 0);
    for (;;);
  });
`;

/** How long after its deadline of 1 ms a call, whose thread does not answer, counts as late. */
async function heldAfterMs(loops: boolean): Promise<number> {
  const words = new Int32Array(new SharedArrayBuffer(4 * watchWords(1)));
  const thread = new Worker(`data:text/javascript,${encodeURIComponent(THREAD_CODE)}`, {
    type: "module",
  });
  const libc = openLibc();
  try {
    const begun = new Promise((resolve) => thread.onmessage = resolve);
    thread.postMessage({ words, loops });
    await within(5000, "the thread", begun);
    Atomics.store(words, SLOT_WATCH + WATCH_SEQUENCE, 1);
    Atomics.store(words, SLOT_WATCH + WATCH_TIME_LEFT, 1000);
    const sinceMs = performance.now();
    const { promise, resolve } = Promise.withResolvers<string>();
    using _watchdog = new Watchdog(libc, words, {
      depth: 1,
      callMs: Infinity,
      graceMs: 3_600_000,
      requestAnswer: () => {},
      onCulprit: ({ code }) => resolve(code),
    });
    assertEquals(await within(5000, "the verdict", promise), "deadline");
    return performance.now() - sinceMs;
  } finally {
    libc.close();
    thread.terminate();
  }
}

Deno.test("a thread that loops is held once it has used the time of an answer, one that blocks or waits for a core later", async () => {
  const blockedMs = await heldAfterMs(false);
  assert(blockedMs > BLOCKED_MS, `${blockedMs} ms`);
  const loopMs: number[] = [];
  // On a busy host a loop needs long to use the time of an answer.
  do loopMs.push(await heldAfterMs(true)); while (loopMs.at(-1)! >= blockedMs && loopMs.length < 5);
  assert(loopMs.every((ms) => ms > ANSWER_MS) && loopMs.at(-1)! < blockedMs, `${loopMs} ms`);
});

Deno.test("a call is not late by the time for which its process stood still", async () => {
  const words = new Int32Array(new SharedArrayBuffer(4 * watchWords(1)));
  const libc = openLibc();
  try {
    Atomics.store(words, THREAD, libc.c.gettid());
    Atomics.store(words, SLOT_WATCH + WATCH_SEQUENCE, 1);
    Atomics.store(words, SLOT_WATCH + WATCH_TIME_LEFT, 1000);
    let answered = 0;
    const ended: string[] = [];
    using _watchdog = new Watchdog(libc, words, {
      depth: 1,
      callMs: Infinity,
      graceMs: 300,
      requestAnswer: () => void Atomics.add(words, ANSWERS, ++answered),
      onCulprit: ({ code }) => ended.push(code),
    });
    await until(() => answered === 1, () => "the call is late");
    for (const untilMs = performance.now() + 1000; performance.now() < untilMs;);
    await new Promise((resolve) => setTimeout(resolve)); // the timer of the watchdog fires
    assertEquals(ended, []);
    await until(() => ended.length === 1, () => "the grace period is over");
  } finally {
    libc.close();
  }
});

Deno.test("a call that its client gave up at its deadline ends its executor as a late one", async () => {
  const words = new Int32Array(new SharedArrayBuffer(4 * watchWords(1)));
  const givenUp = new ArrayBuffer(4);
  const libc = openLibc();
  try {
    Atomics.store(words, THREAD, libc.c.gettid());
    Atomics.store(words, SLOT_WATCH + WATCH_SEQUENCE, 1);
    Atomics.store(words, SLOT_WATCH + WATCH_TIME_LEFT, 50_000);
    new Int32Array(givenUp)[0] = 1;
    const { promise, resolve } = Promise.withResolvers<string>();
    using watchdog = new Watchdog(libc, words, {
      depth: 1,
      callMs: Infinity,
      graceMs: 200,
      requestAnswer: () => void Atomics.add(words, ANSWERS, 1),
      onCulprit: ({ code }) => resolve(code),
    });
    watchdog.watchGivenUp([addressOf(givenUp)]);
    assertEquals(await within(5000, "the verdict", promise), "deadline");
  } finally {
    libc.close();
  }
});

Deno.test("a function that has left its slot ends its executor once the grace period is over since its call was given up", async () => {
  for (const [limit, code] of [[UNLIMITED, "abandoned"], [50_000, "deadline"]] as const) {
    const words = new Int32Array(new SharedArrayBuffer(4 * watchWords(1)));
    const libc = openLibc();
    try {
      Atomics.store(words, THREAD, libc.c.gettid());
      Atomics.store(words, FORGOTTEN_LIMIT, limit);
      Atomics.store(words, FORGOTTEN, 1);
      const { promise, resolve } = Promise.withResolvers<string>();
      using _watchdog = new Watchdog(libc, words, {
        depth: 1,
        callMs: Infinity,
        graceMs: 600_000,
        requestAnswer: () => {},
        onCulprit: ({ code }) => resolve(code),
      });
      Atomics.store(words, FORGOTTEN_MS, 600_000); // the next one is as old as that
      Atomics.store(words, FORGOTTEN, 2);
      assertEquals(await within(5000, "the verdict", promise), code);
    } finally {
      libc.close();
    }
  }
});
