/** An orderly end: disconnect, flush, close. */

import { assert, assertEquals } from "@std/assert";
import type { Connection } from "../../../fabric/fabric.ts";
import { Status } from "../../../fabric/status.ts";
import {
  ALL,
  assertCode,
  BOUND_MS,
  connectPair,
  expectNext,
  flushedIds,
  type Open,
  over,
} from "./pair.ts";

/** Every way to post. */
function posts(end: Connection): (() => void)[] {
  const { shared } = end;
  return [
    () => end.postReceive(1, 0, 8),
    () => end.postReceives(1),
    () => end.send(1, 0, 8, 0),
    () => end.write(1, 0, 8, 0, 1, 0),
    () => end.writeImmediate(1, 0, 0, 0, 0, 1, 0),
    () => end.read(1, 0, 8, 0, 1, 0),
    () => end.fetchAndAdd(1, 0, 0, 1, 1n, 0),
    () => end.compareAndSwap(1, 0, 0, 1, 1n, 1n, 0),
    () => end.register(0, 8, ALL),
    ...(shared ? [() => shared.wake(), () => shared.peerBuffer(0, 8, 1)] : []),
  ];
}

export function closing(name: string, open: Open): void {
  Deno.test(`${name}: \`disconnect()\` flushes the receives of both ends with their ids`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    for (const id of [5, 6, 7]) a.postReceive(id, 0, 8);
    for (const id of [8, 9]) b.postReceive(id, 0, 8);
    a.disconnect();
    a.disconnect();
    assertEquals(a.state, "disconnected");
    assert(!a.probe());
    assertEquals(await flushedIds(a, 3), [5, 6, 7]);
    await over(b);
    assertEquals(b.state, "disconnected");
    assertEquals(await flushedIds(b, 2), [8, 9]);
    assert(a.reason !== "" && b.reason !== "");
  });

  Deno.test(`${name}: a full receive queue is flushed to the last, once`, async () => {
    const receives = Array.from({ length: 16 }, (_, id) => ({ id, offset: 0, length: 8 }));
    await using pair = await connectPair(open, { a: { receiveDepth: 16, receives } });
    pair.b.disconnect();
    await over(pair.a);
    assertEquals(await flushedIds(pair.a, 16), receives.map(({ id }) => id));
    assertEquals(pair.a.state, "disconnected");
  });

  Deno.test(`${name}: messages sent before \`disconnect()\` are delivered first`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const { address, rkey } = b.register(0, 4096, ALL);
    for (let id = 0; id < 6; id++) b.postReceive(id, 64 * id, 64);
    new Uint8Array(a.buffer(0, 64)).fill(4);
    a.send(1, 0, 64, 0);
    a.writeImmediate(2, 0, 64, address + 1024, rkey, 11, 0);
    a.send(3, 0, 3, 2);
    await expectNext(a, { id: 3, status: Status.SUCCESS });
    a.disconnect();
    await over(b);
    await expectNext(b, { id: 0, status: Status.SUCCESS, byteLength: 64 });
    await expectNext(b, { id: 1, status: Status.SUCCESS, immediate: 11 });
    await expectNext(b, { id: 2, status: Status.SUCCESS, byteLength: 3 });
    assertEquals(await flushedIds(b, 3), [3, 4, 5]);
    assertEquals(new Uint8Array(b.buffer(0, 1))[0], 4);
    assertEquals(new Uint8Array(b.buffer(1024, 1))[0], 4);
  });

  Deno.test(`${name}: the peer's \`close()\` is noticed like its \`disconnect()\``, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    b.postReceive(3, 0, 8);
    a.close();
    assert(await b.wait({ timeoutMs: BOUND_MS }));
    assertEquals(await flushedIds(b, 1), [3]);
    assertEquals(b.state, "disconnected");
  });

  for (const how of ["disconnect", "close"] as const) {
    Deno.test(`${name}: posting after \`${how}()\` fails with code state, at either end`, async () => {
      await using pair = await connectPair(open);
      const { a, b } = pair;
      a[how]();
      await over(b);
      for (const end of [a, b]) {
        for (const post of posts(end)) assertCode(post, "state");
      }
    });
  }

  Deno.test(`${name}: \`close()\` may be called twice, and nothing completes after it`, async () => {
    await using pair = await connectPair(open);
    const { a } = pair;
    a.postReceive(1, 0, 8);
    a.close();
    a.close();
    a.disconnect();
    assertEquals(a.state, "closed");
    assert(!a.poll() && !a.probe());
    assert(await a.wait({ timeoutMs: 10 }));
    assert(a.waitSync(10));
  });

  Deno.test(`${name}: \`close()\` detaches every buffer that was handed out`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const region = b.register(0, 4096, ALL);
    const buffers = [a.buffer(0, 4096), a.buffer(0, 4096), a.buffer(1, 0), a.buffer(65528, 8)];
    const shared = a.shared?.peerBuffer(region.address, 4096, region.rkey);
    if (shared) buffers.push(shared);
    const view = new Uint8Array(buffers[0]!);
    view[0] = 1;
    a.close();
    for (const buffer of buffers) assertEquals(buffer.byteLength, 0);
    assertEquals([view.length, view[0]], [0, undefined]);
    region.deregister();
    b.close();
    region.deregister();
  });

  Deno.test(`${name}: \`close()\` with waits pending ends them`, async () => {
    await using pair = await connectPair(open);
    const { a } = pair;
    const waits = [a.wait(), a.wait({ timeoutMs: BOUND_MS })];
    a.close();
    assertEquals(await Promise.all(waits), [true, true]);
  });

  Deno.test(`${name}: both ends may disconnect at once`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    a.postReceive(1, 0, 8);
    b.postReceive(2, 0, 8);
    a.disconnect();
    b.disconnect();
    assertEquals(await flushedIds(a, 1), [1]);
    assertEquals(await flushedIds(b, 1), [2]);
  });
}
