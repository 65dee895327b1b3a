/** The ends of waits, and their errors. */

import { assertEquals, assertRejects } from "@std/assert";
import { abortable, deadline, delay } from "@std/async";

const never = () => new Promise<never>(() => {});

Deno.test("`delay()` resolves after its time, and rejects with the signal's reason", async () => {
  const result: void = await delay(1);
  assertEquals(result, undefined);
  const abort = new AbortController();
  const delayed = delay(2 ** 40, { signal: abort.signal });
  abort.abort(new RangeError("enough"));
  await assertRejects(() => delayed, RangeError, "enough");
  await assertRejects(() => delay(1, { signal: abort.signal }), RangeError, "enough");
});

Deno.test("`deadline()` gives the promise's value, or rejects with TimeoutError", async () => {
  const value: number = await deadline(Promise.resolve(1), Number.MAX_SAFE_INTEGER);
  assertEquals(value, 1);
  await assertRejects(() => deadline(Promise.reject(new RangeError("own")), 60_000), RangeError);
  const error = await assertRejects(() => deadline(never(), 1), DOMException);
  assertEquals(error.name, "TimeoutError");
});

Deno.test("`deadline()` rejects with the reason of its signal", async () => {
  const abort = new AbortController();
  const waited = deadline(never(), 60_000, { signal: abort.signal });
  abort.abort();
  const error = await assertRejects(() => waited, DOMException);
  assertEquals(error.name, "AbortError");
});

Deno.test("`abortable()` settles as the promise does, unless the signal comes first", async () => {
  const abort = new AbortController();
  const value: string = await abortable(Promise.resolve("a"), abort.signal);
  assertEquals(value, "a");
  const waited = abortable(never(), abort.signal);
  abort.abort(new RangeError("enough"));
  await assertRejects(() => waited, RangeError, "enough");
  await assertRejects(() => abortable(Promise.resolve(1), abort.signal), RangeError, "enough");
});

Deno.test("`abortable()` ends an iteration when the signal is aborted", async () => {
  const abort = new AbortController();
  async function* numbers() {
    yield 1;
    await never();
  }
  const seen: number[] = [];
  await assertRejects(
    async () => {
      for await (const number of abortable(oneThenNothing(numbers()), abort.signal)) {
        seen.push(number);
        abort.abort(new RangeError("enough"));
      }
    },
    RangeError,
    "enough",
  );
  assertEquals(seen, [1]);
});

/** An iteration whose end does not wait for the generator, which is suspended for good. */
function oneThenNothing(source: AsyncGenerator<number>): AsyncIterable<number> {
  return { [Symbol.asyncIterator]: () => ({ next: () => source.next() }) };
}
