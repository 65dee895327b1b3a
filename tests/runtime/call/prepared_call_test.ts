/** Prepared calls: their slot, their buffers and the order of their methods. */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import {
  ArgumentTooLongError,
  BusyError,
  FunctionError,
  ResultTooLongError,
  UnknownFunctionError,
} from "../../../mod.ts";
import { pattern } from "../../support/pattern.ts";
import { sharedLease, test } from "../../support/cluster/shared_cluster.ts";
import { anyFabric } from "../../support/cluster/test_fabric.ts";

function lengthOf(length: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, length);
  return bytes;
}

test("`PreparedCall` calls by `invokeSync()`, by `invoke()`, and by `start()`, `done()`, `finish()`", async () => {
  await using lease = await sharedLease({ depth: 4, maxBytes: 4096 });
  using call = lease.prepare("echo", { bytes: 64, resultBytes: 64, worker: 0 });
  assertEquals([call.input.length, call.output.length], [64, 64]);
  for (let i = 0; i < 300; i++) {
    const length = i % 65;
    call.input.set(pattern(length, i));
    call.output.fill(255);
    let got: number;
    if (i % 3 === 0) got = call.invokeSync(length);
    else if (i % 3 === 1) got = await call.invoke(length);
    else {
      call.start(length);
      for (let looks = 0; !call.done() && looks < 1e6; looks++);
      got = call.finish();
    }
    assertEquals(got, length);
    assertEquals(call.output.subarray(0, length), pattern(length, i), `call ${i}`);
  }
  assertEquals(call.invokeSync(), 64, "the whole input when no length is given");
  assertEquals(await call.invoke(undefined, { deadlineMs: 1000 }), 64);
});

test("`PreparedCall` pipelines several calls of one worker, finished in any order", async () => {
  await using lease = await sharedLease({ depth: 8, maxBytes: 4096 });
  const calls = Array.from(
    { length: 8 },
    () => lease.prepare("echo", { bytes: 32, resultBytes: 32 }),
  );
  for (let round = 0; round < 200; round++) {
    calls.forEach((call, i) => {
      call.input.fill(round + i);
      call.start(32);
    });
    for (const i of [3, 0, 7, 1, 6, 2, 5, 4]) {
      assertEquals(calls[i]!.finish(), 32);
      assertEquals(calls[i]!.output, new Uint8Array(32).fill(round + i));
    }
  }
  assertThrows(() => lease.prepare("echo"), BusyError, "every slot of worker 0 is in use");
  await assertRejects(
    () => lease.invoke("echo", Uint8Array.of(1)),
    BusyError,
    "hold every slot",
  );
  calls[0]!.close();
  calls[0]!.close(); // may be called twice
  assertEquals(await lease.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
  for (const call of calls) call.close();
  assertThrows(() => calls[1]!.invokeSync(), TypeError, "closed");
});

test(anyFabric("`PreparedCall` has buffers of `bytes` and `resultBytes`"), async () => {
  await using lease = await sharedLease({ maxBytes: 1000, depth: 4 });
  using small = lease.prepare("produce", { bytes: 4, resultBytes: 10 });
  small.input.set(lengthOf(10));
  assertEquals(small.invokeSync(), 10);
  small.input.set(lengthOf(11));
  assertThrows(() => small.invokeSync(), ResultTooLongError, "11 bytes, the output buffer has 10");
  small.input.set(lengthOf(2 ** 32 - 1));
  assertThrows(() => small.invokeSync(), ResultTooLongError);
  small.input.set(lengthOf(0));
  assertEquals(small.invokeSync(), 0, "the call can be used on");
  using none = lease.prepare("echo", { bytes: 0, resultBytes: 0 });
  assertEquals(none.invokeSync(), 0);
  assertThrows(() => none.invokeSync(1), ArgumentTooLongError, "1 bytes");
  for (const length of [-1, NaN, 5, Infinity, -Infinity]) {
    assertThrows(() => small.start(length), Error, undefined, `${length}`);
  }
  assertEquals(small.invokeSync(4), 0, "a refused start leaves the call as it was");
  assertThrows(() => lease.prepare("echo", { bytes: 1001 }), ArgumentTooLongError, "1001");
  assertThrows(() => lease.prepare("echo", { resultBytes: 1001 }), ArgumentTooLongError, "1001");
  assertThrows(() => lease.prepare("echo", { bytes: -1 }), RangeError, "-1");
  assertThrows(() => lease.prepare("echo", { bytes: 0.5 }), RangeError, "0.5");
  assertThrows(() => lease.prepare("nothing"), UnknownFunctionError, "nothing");
  assertThrows(() => lease.prepare("echo", { worker: 1 }), RangeError, "worker 1");
});

test(anyFabric("`PreparedCall` refuses a second start, and a finish without a start"), async () => {
  await using lease = await sharedLease({ maxBytes: 64 });
  using call = lease.prepare("later");
  assertThrows(() => call.finish(), TypeError, "no call was started");
  call.input[0] = 5;
  call.start(1);
  assertThrows(() => call.start(1), TypeError, "has not been finished");
  assertThrows(() => call.invokeSync(1), TypeError, "has not been finished");
  await assertRejects(() => call.invoke(1), TypeError, "has not been finished");
  assertEquals(call.finish(), 1);
  assertEquals(call.output[0], 5);
});

test(anyFabric("`PreparedCall` works on after a function that threw"), async () => {
  await using lease = await sharedLease({ maxBytes: 64 });
  using call = lease.prepare("fail");
  call.input.set(new TextEncoder().encode("no"));
  for (let i = 0; i < 3; i++) {
    const error = assertThrows(() => call.invokeSync(2), FunctionError, "fail threw TypeError: no");
    assertEquals(error.remoteName, "TypeError");
    assertMatch(
      error.stack!,
      /^FunctionError: fail threw TypeError: no\n {4}at fail \(\.\/functions\.ts:64:\d+\)\n/,
    );
  }
  await assertRejects(() => call.invoke(2), FunctionError, "TypeError: no");
});

for (const bytes of [64, 5000]) {
  test(
    anyFabric(`a slot serves other calls after a caller has transferred its ${bytes} bytes`),
    async () => {
      await using lease = await sharedLease({ depth: 1 });
      for (const name of ["input", "output"] as const) {
        const call = lease.prepare("echo", { bytes, resultBytes: bytes });
        assertEquals([call.input.byteOffset, call.output.byteOffset], [0, 0]);
        call.input.set(pattern(bytes));
        assertEquals(call.invokeSync(bytes), bytes);
        (call[name].buffer as ArrayBuffer).transfer();
        call.close();
        const output = new Uint8Array(bytes);
        assertEquals(await lease.invoke("echo", pattern(bytes, 1), { output }), pattern(bytes, 1));
        assertEquals(await lease.invoke("echo", pattern(bytes, 2)), pattern(bytes, 2));
        using again = lease.prepare("echo", { bytes, resultBytes: bytes });
        again.input.set(pattern(bytes, 3));
        assertEquals(again.invokeSync(bytes), bytes);
        assertEquals(again.output, pattern(bytes, 3));
      }
      assertEquals(lease.stats().errors, {});
    },
  );
}

test("`PreparedCall.close()` during a call releases the slot at the reply", async () => {
  await using lease = await sharedLease({ depth: 2, maxBytes: 64 });
  using other = lease.prepare("hold"); // has the second slot, and the worker's thread
  other.input[0] = 30;
  const call = lease.prepare("later");
  const atMs = performance.now();
  other.start(1);
  call.start(1);
  call.close();
  assertEquals(await lease.invoke("echo", Uint8Array.of(9)), Uint8Array.of(9));
  assert(performance.now() - atMs > 15, "the next call had to wait for the late reply");
  other.finish();
});
