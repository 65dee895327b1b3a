/** Calls by promise: their bytes, their worker, their order, their queue. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import {
  BusyError,
  DeadlineExceededError,
  LeaseOverError,
  UnknownFunctionError,
} from "../../../mod.ts";
import { pattern } from "../../support/pattern.ts";
import { sharedLease, test } from "../../support/cluster/shared_cluster.ts";
import { limitMs, scaledCount } from "../../support/time_factor.ts";
import { anyFabric } from "../../support/cluster/test_fabric.ts";

const MIB = 2 ** 20;

/** Compares without assertEquals, which takes seconds for 16 MiB. */
function assertSameBytes(actual: Uint8Array, expected: Uint8Array, what: string) {
  if (Buffer.compare(actual, expected) === 0) return;
  assertEquals(actual.length, expected.length, what);
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  assertEquals(at, -1, `${what}: byte ${at} is ${actual[at]}, not ${expected[at]}`);
}

test("`invoke()` returns a copy of the result, or fills the caller's output", async () => {
  await using lease = await sharedLease({ depth: 1 });
  const input = pattern(100);
  const first = await lease.invoke("echo", input);
  assertEquals(first, input);
  assertEquals(first.byteOffset, 0);
  assertEquals(first.buffer.byteLength, 100, "no more than the result is reachable from it");
  first.fill(0); // the caller's copy: the next result is another one
  input.fill(9);
  const second = await lease.invoke("echo", input);
  assertEquals(first, new Uint8Array(100));
  assertEquals(second, new Uint8Array(100).fill(9));
  assertNotStrictEquals(first.buffer, second.buffer);

  const output = new Uint8Array(128);
  const filled = await lease.invoke("echo", pattern(100), { output });
  assertStrictEquals(filled.buffer, output.buffer);
  assertEquals(filled, pattern(100));
  assertEquals(output.subarray(100), new Uint8Array(28), "nothing is written past the result");
});

test("`invoke()` resolves with memory of its own, whatever the length of the result before", async () => {
  await using lease = await sharedLease({ depth: 2 });
  const results: [result: Uint8Array, expected: Uint8Array][] = [];
  // One after the other, so that each uses the same slot.
  for (const length of [64, 64, 0, 64, 0, 0, 64, 32, 65, 65, 112, 113, 20_000, 20_000, 64, 64]) {
    const expected = pattern(length, results.length);
    results.push([await lease.invoke("echo", expected), expected]);
  }
  for (const [result, expected] of results) {
    assertEquals(result, expected);
    assertEquals(result.buffer.byteLength, expected.length);
  }
  assertEquals(new Set(results.map(([{ buffer }]) => buffer)).size, results.length);
});

test("`invoke()` takes turns of functions, and finds none that is missing", async () => {
  await using lease = await sharedLease({ depth: 1 });
  for (let i = 1; i < 5; i++) {
    assertEquals(await lease.invoke("echo", pattern(i)), pattern(i));
    assertEquals(await lease.invoke("later", Uint8Array.of(i)), Uint8Array.of(i));
    await assertRejects(() => lease.invoke("missing", pattern(i)), UnknownFunctionError, "missing");
    assertEquals(await lease.invoke("echo", pattern(i)), pattern(i));
    await assertRejects(() => lease.invoke("parts", pattern(i)), TypeError, "use stream()");
  }
});

test("`invoke()` rejects where its output was transferred during the call, and other calls go on", async () => {
  await using lease = await sharedLease({ depth: 2 });
  const output = new Uint8Array(8);
  const call = lease.invoke("echo", pattern(8), { output });
  const beside = lease.invoke("echo", pattern(9));
  structuredClone(output, { transfer: [output.buffer] });
  await assertRejects(
    () => call,
    TypeError,
    "Cannot return result of echo: its output was transferred",
  );
  assertEquals(await beside, pattern(9));
  assertEquals(await lease.invoke("echo", pattern(7)), pattern(7));
  assertEquals(lease.stats().errors, { TypeError: 1 });
});

test("`invoke()` checks its options at each call", async () => {
  await using lease = await sharedLease({ depth: 1 });
  const output = new Uint8Array(8);
  const options = { output, deadlineMs: 60_000, worker: 0, signal: new AbortController().signal };
  assertEquals(await lease.invoke("echo", pattern(8), options), pattern(8));
  const call = (options: unknown) => () => lease.invoke("echo", pattern(8), options as object);
  await assertRejects(call(null), TypeError, "expected an object of options, not null");
  await assertRejects(call("output"), TypeError, 'expected an object of options, not "output"');
  await assertRejects(
    call({ ...options, output: [] }),
    TypeError,
    "expected a Uint8Array as output",
  );
  await assertRejects(call({ ...options, deadlineMs: -1 }), RangeError, "deadlineMs, not -1");
  await assertRejects(call({ ...options, deadlineMs: NaN }), RangeError, "deadlineMs, not NaN");
  await assertRejects(call({ ...options, deadlineMs: "1" }), RangeError, 'deadlineMs, not "1"');
  await assertRejects(call({ ...options, signal: {} }), TypeError, "expected an AbortSignal");
  await assertRejects(call({ ...options, worker: 1 }), RangeError, "Cannot call worker 1");
  await assertRejects(call({ outputs: output }), TypeError, "it is named output");
  const open = { output: undefined, deadlineMs: undefined, worker: undefined, more: 1 };
  assertEquals(await lease.invoke("echo", pattern(8), open as object), pattern(8));
});

test(
  anyFabric("`invoke()` copies the argument at the call: later writes of the caller do not count"),
  async () => {
    await using lease = await sharedLease({ depth: 1 });
    for (const input of [Uint8Array.of(5), Buffer.of(5)]) {
      const posted = lease.invoke("later", input);
      input[0] = 6;
      const queued = lease.invoke("later", input);
      input[0] = 200;
      assertEquals(await posted, Uint8Array.of(5));
      assertEquals(await queued, Uint8Array.of(6), input.constructor.name);
    }
  },
);

test("`invoke()` carries every length from 0 to maxBytes", async () => {
  const maxBytes = 70_000; // not a multiple of 64
  await using lease = await sharedLease({ maxBytes, depth: 2 });
  for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 4095, 4096, 4097, maxBytes - 1, maxBytes]) {
    assertSameBytes(
      await lease.invoke("echo", pattern(length, length)),
      pattern(length, length),
      `${length} bytes`,
    );
  }
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      assertEquals(await lease.invoke("echo", bytes), bytes);
    }),
    { numRuns: scaledCount(300) },
  );
});

test("`invoke()` carries arguments and results of 16 MiB", async () => {
  await using lease = await sharedLease({ maxBytes: "16MiB", depth: 2, memory: "512MiB" });
  const bytes = pattern(16 * MIB);
  assertSameBytes(await lease.invoke("echo", bytes), bytes, "echo");
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, 16 * MIB);
  const produced = await lease.invoke("produce", length);
  assertSameBytes(produced, new Uint8Array(16 * MIB).map((_, i) => i * 31 + 7), "produce");
  const call = lease.prepare("echo");
  call.input.set(bytes);
  assertEquals(call.invokeSync(), 16 * MIB);
  assertSameBytes(call.output, bytes, "prepared echo");
  call.close();
});

test(
  anyFabric("`invoke()` runs on its `worker`, else on the one with most free slots"),
  async () => {
    await using lease = await sharedLease({ workers: 2, depth: 2 });
    const calls = async (worker?: number) => {
      const reply = await lease.invoke(
        "count",
        new Uint8Array(),
        worker === undefined ? {} : { worker },
      );
      return new DataView(reply.buffer).getUint32(0);
    };
    assertEquals([await calls(0), await calls(0), await calls(0)], [1, 2, 3]);
    assertEquals([await calls(1), await calls(1)], [1, 2]);
    for (let i = 0; i < 10; i++) await calls();
    assertEquals(
      [await calls(0), await calls(1)],
      [14, 3],
      "one after the other stay with the first",
    );
    const first = lease.invoke("laterLong", Uint8Array.of(100)); // 1 s: this thread may be interrupted
    assertEquals(await calls(), 4, "the other one while the first is at work");
    await first;
    using call = lease.prepare("echo", { worker: 0 });
    assertEquals(await calls(), 5, "a prepared call holds a slot");
    call.close();
    assertEquals(await calls(), 15);
    await Promise.all(Array.from({ length: 20 }, () => calls()));
    const [counted, other] = [await calls(0), await calls(1)];
    assertEquals(counted + other, 42);
    assert(counted > 16 && other > 6, `both had their part, not ${counted} and ${other}`);
    for (const worker of [-1, 2, 0.5, NaN]) {
      await assertRejects(
        () => lease.invoke("echo", new Uint8Array(), { worker }),
        RangeError,
        "workers 0 to 1",
      );
    }
  },
);

for (const depth of [1, 256]) {
  test(`\`invoke()\` keeps 1000 calls apart on a worker of depth ${depth}`, async () => {
    await using lease = await sharedLease({ depth, maxBytes: 4096 });
    const replies = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => lease.invoke("echo", pattern(i, i))),
    );
    replies.forEach((reply, i) => assertSameBytes(reply, pattern(i, i), `call ${i}`));
  });
}

test("`invoke()` returns each of 100,000 calls of 64 promises on 2 workers its own bytes", async () => {
  await using lease = await sharedLease({ workers: 2, maxBytes: 64 });
  const calls = scaledCount(100_000);
  let next = 0;
  let firedLate = 0;
  let fired = 0;
  let dueMs = performance.now() + 10;
  const timer = setInterval(() => {
    fired++;
    firedLate = Math.max(firedLate, performance.now() - dueMs);
    dueMs = performance.now() + 10;
  }, 10);
  const startMs = performance.now();
  const lane = async () => {
    const input = new Uint8Array(16);
    const words = new Uint32Array(input.buffer);
    while (next < calls) {
      const id = next++;
      words.fill(id);
      const reply = await lease.invoke("echo", input);
      const got = new Uint32Array(reply.buffer);
      if (reply.length !== 16 || got[0] !== id || got[3] !== id) {
        throw new Error(`call ${id} got ${got}`);
      }
    }
  };
  await Promise.all(Array.from({ length: 64 }, lane));
  clearInterval(timer);
  const tookMs = performance.now() - startMs;
  assert(tookMs < limitMs(30_000), `took ${tookMs} ms`);
  // A timer of 10 ms fires beside them. On two shared cores it is late at times; starved, it would never fire.
  assert(fired >= tookMs / limitMs(10) / 3, `the timer fired ${fired} times in ${tookMs} ms`);
  assert(firedLate < limitMs(250), `the timer was ${firedLate} ms late`);
});

test(
  anyFabric(
    "`invoke()` refuses calls beyond 65,536 that wait with BusyError, and serves the others",
  ),
  async () => {
    await using lease = await sharedLease({ depth: 64, maxBytes: 64 });
    const running = Array.from({ length: 64 }, () => lease.invoke("later", Uint8Array.of(250)));
    const waiting = Array.from(
      { length: 65_536 },
      (_, i) => lease.invoke("echo", Uint8Array.of(i)),
    );
    const sinceMs = performance.now();
    const more = Array.from({ length: 1000 }, () => lease.invoke("echo", Uint8Array.of(1)));
    const tookMs = performance.now() - sinceMs; // 10 s and more if each looks through all that wait
    for (const refused of await Promise.allSettled(more)) {
      assert(refused.status === "rejected" && refused.reason instanceof BusyError);
      assertMatch(refused.reason.message, /65536 calls wait/);
    }
    assert(tookMs < limitMs(3000), `1000 refusals took ${tookMs} ms`);
    await Promise.all(running);
    const replies = await Promise.all(waiting);
    assert(replies.every((reply, i) => reply[0] === (i & 255)), "each got its own byte");
  },
);

test(
  anyFabric("`invoke()` runs calls for free workers while others wait for a busy one"),
  async () => {
    await using lease = await sharedLease({ workers: 2, depth: 1 });
    const order: string[] = [];
    const call = async (name: string, hundredths: number, worker?: number) => {
      const options = worker === undefined ? {} : { worker };
      await lease.invoke("holdLong", Uint8Array.of(hundredths), options);
      order.push(name);
    };
    // Both have run it once, so that the compilation of a first call is not measured.
    await Promise.all([0, 1].map((worker) => call("first", 0, worker)));
    order.length = 0;
    await Promise.all([
      call("runs on 0", 100, 0),
      call("waits for 0", 0, 0),
      call("goes to 1", 0, 1),
      call("goes to any", 0),
    ]);
    assertEquals(order, ["goes to 1", "goes to any", "runs on 0", "waits for 0"]);
  },
);

test(anyFabric("`invoke()` drops calls that were given up while they waited"), async () => {
  await using lease = await sharedLease({ depth: 1, maxBytes: 64 });
  const running = assertRejects(() => lease.invoke("never", Uint8Array.of()), LeaseOverError);
  const give = () => lease.invoke("echo", Uint8Array.of(1), { deadlineMs: 1 });
  const given = await Promise.allSettled(Array.from({ length: 65_536 }, give));
  assert(
    given.every((one) => one.status === "rejected" && one.reason instanceof DeadlineExceededError),
  );
  await assertRejects(give, DeadlineExceededError, "its deadline of 1 ms has passed"); // it waited, so BusyError would be wrong
  await lease.close();
  await running;
});
