/** Making a connection, and its private data. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { MAX_PRIVATE_DATA_BYTES } from "../../../fabric/fabric.ts";
import { Status } from "../../../fabric/status.ts";
import { ARENA_BYTES, connectPair, expectNext, type Open, turn } from "./pair.ts";
import { pattern } from "../../support/pattern.ts";

export function connecting(name: string, open: Open): void {
  for (const bytes of [0, 1, MAX_PRIVATE_DATA_BYTES]) {
    Deno.test(`${name}: ${bytes} bytes of private data travel both ways`, async () => {
      const [there, back] = [pattern(bytes, 1), pattern(bytes, 2)];
      await using pair = await connectPair(open, {
        a: { privateData: there },
        b: { privateData: back },
      });
      // A provider may pad the private data with zeros, as rdma_cm does.
      assertEquals(pair.b.privateData.subarray(0, bytes), there);
      assertEquals(pair.a.privateData.subarray(0, bytes), back);
    });
  }

  Deno.test(`${name}: a request has the private data before it is accepted`, async () => {
    await using provider = open();
    using listener = await provider.listen();
    const connecting = provider.connect(listener.address, {
      arenaBytes: 4096,
      privateData: pattern(8),
    });
    const request = await listener.accept();
    assertEquals(request!.privateData.subarray(0, 8), pattern(8));
    using _b = await request!.accept({ arenaBytes: 4096 });
    using a = await connecting;
    assertEquals(a.state, "connected");
    assertEquals(a.reason, "");
  });

  Deno.test(`${name}: \`listen()\` without an address listens at a fresh one each time`, async () => {
    await using provider = open();
    using one = await provider.listen();
    using two = await provider.listen();
    assertNotEquals(one.address, two.address);
    assert(one.address.startsWith(`${provider.name}:`), one.address);
  });

  Deno.test(`${name}: \`listen()\` succeeds at the address of a closed listener`, async () => {
    await using provider = open();
    const first = await provider.listen();
    const { address } = first;
    first.close();
    for (let i = 0; i < 20; i++) {
      const listener = await provider.listen(address);
      assertEquals(listener.address, address);
      await turn(); // a poll waits on the listener when it closes
      listener.close();
      listener.close();
    }
  });

  Deno.test(`${name}: a listener's connections outlive it and are independent`, async () => {
    await using provider = open();
    const listener = await provider.listen();
    const pairs = [];
    for (let i = 0; i < 3; i++) {
      const connecting = provider.connect(listener.address, { arenaBytes: 4096 });
      const request = await listener.accept();
      const b = await request!.accept({ arenaBytes: 4096 });
      pairs.push({ a: await connecting, b });
    }
    listener.close();
    for (const [i, { a, b }] of pairs.entries()) {
      b.postReceive(i, 0, 8);
      new Uint8Array(a.buffer(0, 1))[0] = i + 1;
      a.send(0, 0, 1, 0);
    }
    for (const [i, { a, b }] of pairs.entries()) {
      await expectNext(b, { id: i, status: Status.SUCCESS, byteLength: 1 });
      assertEquals(new Uint8Array(b.buffer(0, 1))[0], i + 1);
      assert(!b.poll());
      a.close();
      b.close();
    }
  });

  Deno.test(`${name}: initial receives are posted before the peer's first message`, async () => {
    await using pair = await connectPair(open, {
      a: { receives: [{ id: 5, offset: 0, length: 16 }, { id: 6, offset: 16, length: 16 }] },
      b: { receives: [{ id: 7, offset: 32, length: 16 }] },
    });
    const { a, b } = pair;
    b.send(1, 0, 3, 0);
    b.send(2, 0, 4, 0);
    a.send(3, 0, 5, 0);
    await expectNext(a, { id: 5, status: Status.SUCCESS, byteLength: 3 });
    await expectNext(a, { id: 6, status: Status.SUCCESS, byteLength: 4 });
    await expectNext(b, { id: 7, status: Status.SUCCESS, byteLength: 5 });
  });

  Deno.test(`${name}: arenas are zero at first and have the requested length`, async () => {
    await using pair = await connectPair(open, { a: { arenaBytes: 1 }, b: {} });
    assertEquals(pair.a.arenaBytes, 1);
    assertEquals(pair.b.arenaBytes, ARENA_BYTES);
    assert(new Uint8Array(pair.b.buffer(0, ARENA_BYTES)).every((byte) => byte === 0));
  });
}
