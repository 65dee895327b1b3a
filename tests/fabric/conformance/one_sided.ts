/** Write, write with immediate, and read: requests without the peer's processor. */

import { assert, assertEquals } from "@std/assert";
import { Access, type Connection, SIGNALED } from "../../../fabric/fabric.ts";
import { Opcode, Status } from "../../../fabric/status.ts";
import { connectPair, expectNext, type Open, over } from "./pair.ts";
import { pattern } from "../../support/pattern.ts";

const WRITABLE = Access.LOCAL_WRITE | Access.REMOTE_WRITE;

export function oneSided(name: string, open: Open): void {
  for (const length of [0, 1, 7, 4096, 65536]) {
    Deno.test(`${name}: \`write()\` puts ${length} bytes in the peer's region`, async () => {
      await using pair = await connectPair(open, { b: { arenaBytes: 65536 + 16 } });
      const { a, b } = pair;
      const region = b.register(8, 65536, WRITABLE);
      new Uint8Array(a.buffer(0, length)).set(pattern(length));
      a.write(9, 0, length, region.address, region.rkey, SIGNALED);
      await expectNext(a, { id: 9, status: Status.SUCCESS, opcode: Opcode.WRITE });
      assertEquals(new Uint8Array(b.buffer(8, length)), pattern(length));
      assertEquals(new Uint8Array(b.buffer(8 + length, 8)), new Uint8Array(8));
      assertEquals(new Uint8Array(b.buffer(0, 8)), new Uint8Array(8));
      assert(!b.poll(), "a plain write completes no receive");
    });
  }

  for (const immediate of [0, 1, -1, 0x7fffffff, -0x80000000, 0x12345678, -559038737]) {
    Deno.test(`${name}: \`writeImmediate()\` carries ${immediate}`, async () => {
      await using pair = await connectPair(open);
      const { a, b } = pair;
      const region = b.register(0, 4096, WRITABLE);
      b.postReceives(2);
      new Uint8Array(a.buffer(0, 16)).set(pattern(16));
      a.writeImmediate(1, 0, 16, region.address + 64, region.rkey, immediate, SIGNALED);
      a.writeImmediate(2, 0, 0, 0, 0, immediate, 0);
      const expected = { id: 0, status: Status.SUCCESS, opcode: Opcode.RECEIVE_WRITE_IMMEDIATE };
      await expectNext(b, { ...expected, immediate, byteLength: 16 });
      assertEquals(new Uint8Array(b.buffer(64, 16)), pattern(16));
      await expectNext(b, { ...expected, immediate, byteLength: 0 });
      await expectNext(a, { id: 1, status: Status.SUCCESS, opcode: Opcode.WRITE });
    });
  }

  Deno.test(`${name}: \`writeImmediate()\` completes a receive with memory and leaves its bytes unchanged`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    b.postReceive(77, 0, 64);
    b.postReceive(78, 64, 64);
    new Uint8Array(a.buffer(0, 64)).fill(5);
    a.writeImmediate(1, 0, 0, 0, 0, 42, 0);
    a.send(2, 0, 64, 0);
    await expectNext(b, { id: 77, status: Status.SUCCESS, immediate: 42 });
    await expectNext(b, { id: 78, status: Status.SUCCESS, byteLength: 64 });
    assert(new Uint8Array(b.buffer(0, 64)).every((byte) => byte === 0));
  });

  Deno.test(`${name}: bytes written before a message have arrived when the message has`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const region = b.register(0, 8192, WRITABLE);
    b.postReceives(1);
    new Uint8Array(a.buffer(0, 8192)).fill(3);
    a.write(1, 0, 8192, region.address, region.rkey, 0);
    a.writeImmediate(2, 0, 0, 0, 0, 1, 0);
    await expectNext(b, { id: 0, status: Status.SUCCESS, immediate: 1 });
    assert(new Uint8Array(b.buffer(0, 8192)).every((byte) => byte === 3));
  });

  Deno.test(`${name}: \`writeImmediate()\` without a receive fails with RNR_RETRY_EXC_ERR`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    a.writeImmediate(6, 0, 0, 0, 0, 1, 0);
    await expectNext(a, { id: 6, status: Status.RNR_RETRY_EXC_ERR });
    assertEquals(a.state, "error");
    await over(b);
    assert(!b.poll());
  });

  for (const length of [0, 1, 4096]) {
    Deno.test(`${name}: \`read()\` copies ${length} bytes`, async () => {
      await using pair = await connectPair(open);
      const { a, b } = pair;
      const region = b.register(100, 5000, Access.REMOTE_READ);
      new Uint8Array(b.buffer(100, 5000)).set(pattern(5000));
      a.read(2, 8, length, region.address + 3, region.rkey, SIGNALED);
      await expectNext(a, { id: 2, status: Status.SUCCESS, opcode: Opcode.READ });
      assertEquals(new Uint8Array(a.buffer(8, length)), pattern(5000).subarray(3, 3 + length));
      assertEquals(new Uint8Array(a.buffer(8 + length, 8)), new Uint8Array(8));
    });
  }

  Deno.test(`${name}: a request of length 0 needs no key`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    b.postReceives(1);
    const posts: ((end: Connection, id: number) => void)[] = [
      (end, id) => end.write(id, 0, 0, 0, 0, SIGNALED),
      (end, id) => end.read(id, 0, 0, 0, 0, SIGNALED),
      (end, id) => end.writeImmediate(id, 0, 0, 0, 0, 1, SIGNALED),
    ];
    posts.forEach((post, id) => post(a, id));
    for (const id of posts.keys()) await expectNext(a, { id, status: Status.SUCCESS });
  });

  Deno.test(`${name}: the key of one region does not allow another region of the arena`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const one = b.register(0, 64, WRITABLE);
    const two = b.register(64, 64, WRITABLE);
    assert(one.rkey !== two.rkey);
    new Uint8Array(a.buffer(0, 64)).fill(1);
    a.write(1, 0, 64, one.address, one.rkey, SIGNALED);
    await expectNext(a, { id: 1, status: Status.SUCCESS });
    a.write(2, 0, 64, two.address, one.rkey, SIGNALED);
    await expectNext(a, { id: 2, status: Status.REM_ACCESS_ERR });
    assert(new Uint8Array(b.buffer(64, 64)).every((byte) => byte === 0));
  });
}
