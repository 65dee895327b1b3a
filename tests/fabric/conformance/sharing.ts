/** Where memory is shared, the peer's range itself; elsewhere nothing, and every test here passes unseen. */

import { assert, assertEquals } from "@std/assert";
import { Access } from "../../../fabric/fabric.ts";
import { Opcode, Status } from "../../../fabric/status.ts";
import { assertCode, connectPair, expectNext, type Open } from "./pair.ts";

const WRITABLE = Access.LOCAL_WRITE | Access.REMOTE_WRITE;

export function sharing(name: string, open: Open): void {
  Deno.test(`${name}: share() shows the peer's range itself, or nothing`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const region = b.register(64, 128, WRITABLE);
    const shared = a.share(region.address + 32, 64, region.rkey);
    if (!shared) return;
    assertEquals(shared.byteLength, 64);
    const mine = new Uint8Array(shared);
    const theirs = new Uint8Array(b.buffer(96, 64));
    mine[0] = 3;
    theirs[63] = 4;
    assertEquals([theirs[0], mine[63]], [3, 4]);
  });

  Deno.test(`${name}: notify() tells of bytes that lie in place, or refuses`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const region = b.register(64, 128, WRITABLE);
    const shared = a.share(region.address, 128, region.rkey);
    if (!shared) {
      assertCode(() => a.notify(128, -7), "state");
      return;
    }
    b.postReceives(2);
    new Uint8Array(shared).fill(9);
    a.notify(128, -7);
    a.notify(0, 7);
    const told = { id: 0, status: Status.SUCCESS, opcode: Opcode.RECEIVE_WRITE_IMMEDIATE };
    await expectNext(b, { ...told, immediate: -7, byteLength: 128 });
    assert(new Uint8Array(b.buffer(64, 128)).every((byte) => byte === 9));
    await expectNext(b, { ...told, immediate: 7, byteLength: 0 });
    assert(!a.poll(), "it completes nothing at the sender");
    a.notify(1, 1); // no receive is left
    await expectNext(a, { id: 0, status: Status.RNR_RETRY_EXC_ERR });
  });

  Deno.test(`${name}: share() refuses a wrong key, range or right, and does no harm`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const region = b.register(64, 128, WRITABLE);
    if (!a.share(region.address, 128, region.rkey)) return;
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
      assertCode(() => a.share(address, length, rkey), "range");
    }
    region.deregister();
    assertCode(() => a.share(region.address, 8, region.rkey), "range");
    assertEquals([a.state, b.state], ["connected", "connected"]);
  });
}
