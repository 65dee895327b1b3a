/** Repeated attempts: they end at the first result, in time, and at once when the lease is closed. */

import { assertEquals } from "@std/assert";
import { findInTime } from "../../../runtime/keeper/find_in_time.ts";
import { within } from "../../support/waiting.ts";

const failing = () => Promise.reject(new Error("no node has the capacity"));
const signal = new AbortController().signal;

Deno.test("`findInTime()` repeats an attempt that fails, until one succeeds", async () => {
  let attempts = 0;
  const attempt = () => ++attempts < 3 ? failing() : Promise.resolve("found");
  assertEquals(await findInTime(attempt, { untilMs: Infinity, retryMs: 1, signal }), "found");
  assertEquals(attempts, 3);
});

Deno.test("`findInTime()` begins no attempt after the time limit", async () => {
  let attempts = 0;
  const attempt = () => {
    attempts++;
    return failing();
  };
  const now = performance.now();
  assertEquals(await findInTime(attempt, { untilMs: now, retryMs: 1, signal }), undefined);
  assertEquals(attempts, 0);
  assertEquals(await findInTime(attempt, { untilMs: now + 50, retryMs: 60, signal }), undefined);
  assertEquals(attempts, 1);
});

Deno.test("`findInTime()` ends its pause when the signal is aborted", async () => {
  const closing = new AbortController();
  const pending = findInTime(failing, {
    untilMs: Infinity,
    retryMs: 3_600_000,
    signal: closing.signal,
  });
  await Promise.resolve();
  closing.abort();
  assertEquals(await within(1000, "the end of the pause", pending), undefined);
});
