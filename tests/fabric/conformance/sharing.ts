/** Shared memory: the peer's range itself. On a provider without it every test here passes at once. */

import { assert, assertEquals } from "@std/assert";
import { deadline } from "@std/async";
import { Access } from "../../../fabric/fabric.ts";
import { assertCode, connectPair, type Open } from "./pair.ts";

const WRITABLE = Access.LOCAL_WRITE | Access.REMOTE_WRITE;

export function sharing(name: string, open: Open): void {
  Deno.test(`${name}: \`peerBuffer()\` is the peer's range itself`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const region = b.register(64, 128, WRITABLE);
    if (!a.shared) return;
    const shared = a.shared.peerBuffer(region.address + 32, 64, region.rkey);
    assertEquals(shared.byteLength, 64);
    const mine = new Uint8Array(shared);
    const theirs = new Uint8Array(b.buffer(96, 64));
    mine[0] = 3;
    theirs[63] = 4;
    assertEquals([theirs[0], mine[63]], [3, 4]);
  });

  Deno.test(`${name}: \`wake()\` ends a wait for memory that the peer watches`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const region = b.register(64, 128, WRITABLE);
    if (!a.shared || !b.shared) return;
    const theirs = new Int32Array(a.shared.peerBuffer(region.address, 4, region.rkey));
    const mine = new Int32Array(b.buffer(64, 4));
    b.shared.watch(() => Atomics.load(mine, 0) === 1);
    const waiting = b.wait();
    Atomics.store(theirs, 0, 1);
    a.shared.wake();
    assert(await waiting);
    assert(!b.poll(), "it completes nothing");
    assert(b.waitSync(10_000), "a wait after the change ends at once");
    Atomics.store(mine, 0, 2);
    assert(!await b.wait({ timeoutMs: 1 }));
    a.disconnect();
    assertCode(() => a.shared!.wake(), "state");
  });

  Deno.test(`${name}: \`signal()\` stores a word and ends a wait; \`settle()\` ends one that began unseen`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const region = b.register(64, 128, WRITABLE);
    if (!a.shared || !b.shared) return;
    const theirs = new Int32Array(a.shared.peerBuffer(region.address, 128, region.rkey));
    const mine = new Int32Array(b.buffer(64, 128));
    const waiting = b.wait();
    a.shared.signal(theirs, 31, -7);
    assertEquals(mine[31], -7);
    assert(await waiting);
    a.shared.signal(theirs, 31, 8);
    const missed = b.wait(); // it watches nothing, as if the store were not visible yet
    a.shared.settle();
    assert(await missed);
    a.disconnect();
    assertCode(() => a.shared!.signal(theirs, 0, 1), "state");
    a.shared.settle();
  });

  Deno.test(`${name}: a wait ends soon after a change that was not visible when it began, though no wake-up follows`, async () => {
    await using pair = await connectPair(open);
    const { shared } = pair.b;
    if (!shared) return;
    // The peer stores the word, reads that this end is awake, and does something else from then on.
    const laterVisible = () => {
      let looks = 0;
      shared.watch(() => ++looks > 2); // a wait looks twice before it sleeps
    };
    for (const options of [{ timeoutMs: 60_000 }, {}]) {
      laterVisible();
      assert(await deadline(pair.b.wait(options), 5000));
    }
    laterVisible();
    const beganMs = performance.now();
    assert(pair.b.waitSync(10_000));
    assert(performance.now() - beganMs < 5000, "it slept until the timeout");
    shared.watch(() => false);
    assert(!await pair.b.wait({ timeoutMs: 5 }), "nothing has changed");
    assert(!pair.b.waitSync(5), "nothing has changed");
  });

  Deno.test(`${name}: a closed provider ends a wait as timed out`, async () => {
    await using pair = await connectPair(open);
    if (!pair.b.shared) return;
    const waiting = pair.b.wait();
    pair.provider.close();
    assert(!await deadline(waiting, 5000));
  });

  Deno.test(`${name}: \`peerBuffer()\` refuses a wrong key, range or right, and the connection stays up`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const region = b.register(64, 128, WRITABLE);
    const { shared } = a;
    if (!shared) return;
    assertEquals(shared.peerBuffer(region.address, 128, region.rkey).byteLength, 128);
    const readable = b.register(256, 64, Access.REMOTE_READ);
    const tries: [number, number, number][] = [
      [region.address, 8, (region.rkey ^ 64) >>> 0],
      [region.address, 129, region.rkey],
      [region.address - 1, 8, region.rkey],
      [region.address + 121, 8, region.rkey],
      [region.address, -1, region.rkey],
      [region.address + 0.5, 8, region.rkey],
      [readable.address, 8, readable.rkey],
    ];
    for (const [address, length, rkey] of tries) {
      assertCode(() => shared.peerBuffer(address, length, rkey), "range");
    }
    region.deregister();
    assertCode(() => shared.peerBuffer(region.address, 8, region.rkey), "range");
    assertEquals([a.state, b.state], ["connected", "connected"]);
  });
}
