/** Waiting within a time limit, without a timer or a rejection left behind. */

import { assertEquals, assertRejects } from "@std/assert";
import { settleWithin } from "../../fabric/settle_within.ts";

const never = () => new Promise<never>(() => {});
const timeoutError = () => new RangeError("too late");

Deno.test("`settleWithin()` settles as the promise does", async () => {
  assertEquals(await settleWithin(Promise.resolve(7), { ms: 60_000, timeoutError }), 7);
  await assertRejects(
    () => settleWithin(Promise.reject(new TypeError("no")), { ms: 60_000, timeoutError }),
    TypeError,
    "no",
  );
});

Deno.test("`settleWithin()` throws the caller's error at the time limit", async () => {
  await assertRejects(() => settleWithin(never(), { ms: 1, timeoutError }), RangeError, "too late");
});

Deno.test("`settleWithin()` throws the signal's reason, also if it is aborted before", async () => {
  const reason = new Error("enough");
  const later = new AbortController();
  const pending = settleWithin(never(), { ms: 60_000, timeoutError, signal: later.signal });
  later.abort(reason);
  assertEquals(await assertRejects(() => pending), reason);
  const signal = AbortSignal.abort(reason);
  assertEquals(
    await assertRejects(() => settleWithin(never(), { ms: 60_000, timeoutError, signal })),
    reason,
  );
});

Deno.test("`settleWithin()` leaves no unhandled rejection of a promise that is late", async () => {
  const work = Promise.withResolvers<never>();
  await assertRejects(() => settleWithin(work.promise, { ms: 1, timeoutError }), RangeError);
  work.reject(new Error("late"));
  await new Promise((resolve) => setTimeout(resolve, 0));
});
