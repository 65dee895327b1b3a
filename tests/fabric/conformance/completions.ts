/** The completion queue: which requests complete, and what happens when a queue is full. */

import { assert, assertEquals } from "@std/assert";
import { type Connection, SIGNALED } from "../../../fabric/fabric.ts";
import { FabricError } from "../../../fabric/errors.ts";
import { Status } from "../../../fabric/status.ts";
import { ALL, assertCode, connectPair, expectNext, next, type Open } from "./pair.ts";

/** The most to which a provider may round a depth up. */
const MAX_ROUNDED = 4096;

/** Calls until the queue is full; returns the number of successful calls. */
function untilFull(call: (i: number) => void): number {
  for (let i = 0; i < MAX_ROUNDED; i++) {
    try {
      call(i);
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      assertEquals(error.code, "full");
      return i;
    }
  }
  throw new Error("the queue is never full");
}

export function completions(name: string, open: Open): void {
  Deno.test(`${name}: signaled requests complete in order, unsignaled ones are not reported`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const { address, rkey } = b.register(0, 4096, ALL);
    b.postReceives(8);
    const posts: ((end: Connection, id: number, flags: number) => void)[] = [
      (end, id, flags) => end.send(id, 0, 0, flags),
      (end, id, flags) => end.write(id, 0, 8, address, rkey, flags),
      (end, id, flags) => end.writeImmediate(id, 0, 8, address, rkey, 1, flags),
      (end, id, flags) => end.read(id, 8, 8, address, rkey, flags),
      (end, id, flags) => end.fetchAndAdd(id, 16, address, rkey, 1n, flags),
      (end, id, flags) => end.compareAndSwap(id, 24, address, rkey, 0n, 1n, flags),
    ];
    posts.forEach((post, i) => {
      post(a, 100 + i, 0);
      post(a, i, SIGNALED);
    });
    for (const i of posts.keys()) await expectNext(a, { id: i, status: Status.SUCCESS });
    assert(!a.poll());
  });

  Deno.test(`${name}: \`poll()\` fills one record, and leaves it as it is when there is no completion`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const record = b.completion;
    assert(!b.poll());
    b.postReceive(12, 0, 64);
    a.send(1, 0, 5, 0);
    await next(b);
    assertEquals(b.completion, record);
    assert(b.completion === record);
    assert(!b.poll());
    assertEquals([record.id, record.byteLength], [12, 5]);
  });

  Deno.test(`${name}: completions have the ids of their requests, up to 2^31 - 1`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    for (const id of [0, 1, 65536, 0x7fffffff]) {
      b.postReceive(id, 0, 8);
      a.send(id, 0, 8, SIGNALED);
      await expectNext(b, { id, status: Status.SUCCESS });
      await expectNext(a, { id, status: Status.SUCCESS });
    }
  });

  Deno.test(`${name}: a full completion queue refuses a request, and accepts one after polling`, async () => {
    await using pair = await connectPair(open, { a: { sendDepth: 8 } });
    const { a, b } = pair;
    const { address, rkey } = b.register(0, 64, ALL);
    const post = (i: number) => a.write(i, 0, 8, address, rkey, SIGNALED);
    const capacity = untilFull(post);
    assert(capacity >= 8, `${capacity}`);
    for (let i = 0; i < capacity; i++) await expectNext(a, { id: i, status: Status.SUCCESS });
    assert(!a.poll(), "the refused request must not complete");
    post(99);
    await expectNext(a, { id: 99, status: Status.SUCCESS });
  });

  Deno.test(`${name}: a refused request has no effect at the peer`, async () => {
    await using pair = await connectPair(open, { a: { sendDepth: 8 } });
    const { a, b } = pair;
    const { address, rkey } = b.register(0, 64, ALL);
    const capacity = untilFull((i) => a.write(i, 0, 8, address, rkey, SIGNALED));
    b.postReceives(4);
    assertCode(() => a.writeImmediate(1, 0, 0, 0, 0, 5, SIGNALED), "full");
    assertCode(() => a.fetchAndAdd(1, 0, address, rkey, 1n, SIGNALED), "full");
    for (let i = 0; i < capacity; i++) await next(a);
    a.writeImmediate(2, 0, 0, 0, 0, 6, 0);
    await expectNext(b, { id: 0, status: Status.SUCCESS, immediate: 6 });
    assertEquals(new BigUint64Array(b.buffer(0, 8))[0], 0n);
  });

  Deno.test(`${name}: a full receive queue refuses a receive, and accepts one after a message`, async () => {
    await using pair = await connectPair(open, { b: { receiveDepth: 16 } });
    const { a, b } = pair;
    const capacity = untilFull((i) => b.postReceive(i, 0, 8));
    assert(capacity >= 16, `${capacity}`);
    a.send(1, 0, 1, 0);
    await expectNext(b, { id: 0, status: Status.SUCCESS });
    b.postReceive(500, 0, 8);
    assertCode(() => b.postReceive(501, 0, 8), "full");
    for (let i = 1; i < capacity; i++) {
      a.send(1, 0, 1, 0);
      await expectNext(b, { id: i, status: Status.SUCCESS });
    }
    a.send(1, 0, 1, 0);
    await expectNext(b, { id: 500, status: Status.SUCCESS });
  });

  Deno.test(`${name}: \`postReceives()\` of more than fit throws, and those that fit are posted`, async () => {
    await using pair = await connectPair(open, { b: { receiveDepth: 16 } });
    const { a, b } = pair;
    assertCode(() => b.postReceives(MAX_ROUNDED), "full");
    for (let i = 0; i < 16; i++) {
      a.writeImmediate(1, 0, 0, 0, 0, i, 0);
      await expectNext(b, { id: 0, status: Status.SUCCESS, immediate: i });
    }
  });

  Deno.test(`${name}: a failed request completes even if unsignaled and with a full queue`, async () => {
    await using pair = await connectPair(open, { a: { sendDepth: 8 } });
    const { a, b } = pair;
    const { address, rkey } = b.register(0, 64, ALL);
    const capacity = untilFull((i) => a.write(i, 0, 8, address, rkey, SIGNALED));
    a.write(77, 0, 8, address, (rkey + 1) >>> 0, 0);
    for (let i = 0; i < capacity; i++) await expectNext(a, { id: i, status: Status.SUCCESS });
    await expectNext(a, { id: 77, status: Status.REM_ACCESS_ERR });
    assert(!a.poll());
  });
}
