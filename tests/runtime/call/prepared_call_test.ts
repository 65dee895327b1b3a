import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  ArgumentTooLong,
  Busy,
  FunctionError,
  ResultTooLong,
  UnknownFunction,
} from "../../../mod.ts";
import { pattern, startLease } from "../../support/cluster_lease.ts";
import { anyFabric } from "../../support/test_fabric.ts";

function lengthOf(length: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, length);
  return bytes;
}

Deno.test("PreparedCall calls by invokeSync(), invoke(), and start(), done(), finish()", async () => {
  await using held = await startLease({ depth: 4, maxBytes: 4096 });
  using call = held.lease.prepare("echo", { bytes: 64, resultBytes: 64, worker: 0 });
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

Deno.test("PreparedCall pipelines over several calls of one worker, in any order of finishing", async () => {
  await using held = await startLease({ depth: 8, maxBytes: 4096 });
  const calls = Array.from(
    { length: 8 },
    () => held.lease.prepare("echo", { bytes: 32, resultBytes: 32 }),
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
  assertThrows(() => held.lease.prepare("echo"), Busy, "every slot of worker 0 is in use");
  await assertRejects(() => held.lease.invoke("echo", Uint8Array.of(1)), Busy, "hold every slot");
  calls[0]!.close();
  calls[0]!.close(); // may be called twice
  assertEquals(await held.lease.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
  for (const call of calls) call.close();
  assertThrows(() => calls[1]!.invokeSync(), TypeError, "closed");
});

Deno.test("PreparedCall takes its room from bytes and resultBytes", async () => {
  await using held = await startLease({ maxBytes: 1000, depth: 4 });
  const { lease } = held;
  using small = lease.prepare("produce", { bytes: 4, resultBytes: 10 });
  small.input.set(lengthOf(10));
  assertEquals(small.invokeSync(), 10);
  small.input.set(lengthOf(11));
  assertThrows(() => small.invokeSync(), ResultTooLong, "11 bytes, there is room for 10");
  small.input.set(lengthOf(2 ** 32 - 1));
  assertThrows(() => small.invokeSync(), ResultTooLong);
  small.input.set(lengthOf(0));
  assertEquals(small.invokeSync(), 0, "the call can be used on");
  using none = lease.prepare("echo", { bytes: 0, resultBytes: 0 });
  assertEquals(none.invokeSync(), 0);
  assertThrows(() => none.invokeSync(1), ArgumentTooLong, "1 bytes");
  for (const length of [-1, NaN, 5, Infinity, -Infinity]) {
    assertThrows(() => small.start(length), Error, undefined, `${length}`);
  }
  assertEquals(small.invokeSync(4), 0, "a refused start leaves the call as it was");
  assertThrows(() => lease.prepare("echo", { bytes: 1001 }), ArgumentTooLong, "1001");
  assertThrows(() => lease.prepare("echo", { resultBytes: 1001 }), ArgumentTooLong, "1001");
  assertThrows(() => lease.prepare("echo", { bytes: -1 }), RangeError, "-1");
  assertThrows(() => lease.prepare("echo", { bytes: 0.5 }), RangeError, "0.5");
  assertThrows(() => lease.prepare("nothing"), UnknownFunction, "nothing");
  assertThrows(() => lease.prepare("echo", { worker: 1 }), RangeError, "worker 1");
});

Deno.test(anyFabric("PreparedCall refuses a second start, and a finish without one"), async () => {
  await using held = await startLease({ maxBytes: 64 });
  using call = held.lease.prepare("later");
  assertThrows(() => call.finish(), TypeError, "no call was started");
  call.input[0] = 5;
  call.start(1);
  assertThrows(() => call.start(1), TypeError, "has not been finished");
  assertThrows(() => call.invokeSync(1), TypeError, "has not been finished");
  await assertRejects(() => call.invoke(1), TypeError, "has not been finished");
  assertEquals(call.finish(), 1);
  assertEquals(call.output[0], 5);
});

Deno.test(anyFabric("PreparedCall goes on after a function that threw"), async () => {
  await using held = await startLease({ maxBytes: 64 });
  using call = held.lease.prepare("fail");
  call.input.set(new TextEncoder().encode("no"));
  for (let i = 0; i < 3; i++) {
    const error = assertThrows(() => call.invokeSync(2), FunctionError, "fail threw TypeError: no");
    assertEquals(error.remoteName, "TypeError");
  }
  await assertRejects(() => call.invoke(2), FunctionError, "TypeError: no");
});

Deno.test("PreparedCall.close() during a call gives the slot back once the reply has come", async () => {
  await using held = await startLease({ depth: 1, maxBytes: 64 });
  const { lease } = held;
  const call = lease.prepare("later");
  call.input[0] = 30;
  call.start(1);
  call.close();
  const atMs = performance.now();
  assertEquals(await lease.invoke("echo", Uint8Array.of(9)), Uint8Array.of(9));
  assert(performance.now() - atMs > 15, "the next call had to wait for the late reply");
});
