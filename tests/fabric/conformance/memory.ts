/** Arenas, buffers and regions. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Access, SIGNALED } from "../../../fabric/fabric.ts";
import { Status } from "../../../fabric/status.ts";
import type { ConformanceOptions } from "./options.ts";
import { assertCode, connectPair, expectNext, type Open } from "./pair.ts";
import { pattern } from "../../support/pattern.ts";

const WRITABLE = Access.LOCAL_WRITE | Access.REMOTE_WRITE;
const GIB = 2 ** 30;

export function memory(name: string, open: Open, options: ConformanceOptions): void {
  Deno.test(`${name}: \`buffer()\` shows exactly its range, and ranges may overlap`, async () => {
    await using pair = await connectPair(open);
    const { a } = pair;
    const buffer = a.buffer(100, 28);
    assertEquals(buffer.byteLength, 28);
    const view = new Uint8Array(buffer);
    assertEquals(view.buffer.byteLength, 28);
    view[27] = 9;
    assertEquals(new Uint8Array(a.buffer(120, 8))[7], 9);
    assertThrows(() => new Uint8Array(buffer, 0, 29), RangeError);
    assertEquals(a.buffer(0, 0).byteLength, 0);
  });

  Deno.test(`${name}: \`buffer()\` and \`register()\` refuse ranges outside the arena`, async () => {
    await using pair = await connectPair(open, { a: { arenaBytes: 100 } });
    const { a } = pair;
    for (const [offset, length] of [[-1, 8], [0, 101], [100, 1], [99, 2], [0, -1], [NaN, 8]]) {
      assertCode(() => a.buffer(offset!, length!), "range");
      assertCode(() => a.register(offset!, length!, WRITABLE), "range");
    }
    assertCode(() => a.register(0, 0, WRITABLE), "range");
    assertEquals(a.buffer(0, 100).byteLength, 100);
    assertEquals(a.buffer(99, 1).byteLength, 1);
  });

  Deno.test(`${name}: a region has its range, and each has a different key`, async () => {
    await using pair = await connectPair(open);
    const { b } = pair;
    const keys = new Set<number>();
    for (let i = 0; i < 8; i++) {
      const region = b.register(64 * i, 64, WRITABLE);
      assertEquals([region.offset, region.length], [64 * i, 64]);
      assert(Number.isSafeInteger(region.address) && region.address >= 0);
      assert(Number.isInteger(region.rkey) && region.rkey >= 0 && region.rkey < 2 ** 32);
      keys.add(region.rkey);
    }
    assertEquals(keys.size, 8);
  });

  Deno.test(`${name}: 1,000 regions can be registered and deregistered in turn`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    for (let i = 0; i < 1000; i++) b.register(0, 64, WRITABLE).deregister();
    const region = b.register(0, 64, WRITABLE);
    a.write(1, 0, 8, region.address, region.rkey, SIGNALED);
    await expectNext(a, { id: 1, status: Status.SUCCESS });
  });

  for (const bytes of [1, 65536]) {
    Deno.test(`${name}: an arena of ${bytes} bytes is writable up to its last byte`, async () => {
      await using pair = await connectPair(open, {
        a: { arenaBytes: bytes },
        b: { arenaBytes: bytes },
      });
      const { a, b } = pair;
      const region = b.register(0, bytes, WRITABLE);
      new Uint8Array(a.buffer(0, bytes)).set(pattern(bytes));
      a.write(1, 0, bytes, region.address, region.rkey, SIGNALED);
      await expectNext(a, { id: 1, status: Status.SUCCESS });
      assertEquals(new Uint8Array(b.buffer(0, bytes)), pattern(bytes));
      a.write(2, 0, 1, region.address + bytes, region.rkey, SIGNALED);
      await expectNext(a, { id: 2, status: Status.REM_ACCESS_ERR });
    });
  }

  const title = `${name}: offsets above 4 GiB can be used (needs arenas that are not pinned)`;
  Deno.test({
    name: title,
    ignore: !options.sparse,
    fn: async () => {
      const far = 4 * GIB + 4096;
      await using pair = await connectPair(open, {
        a: { arenaBytes: 5 * GIB },
        b: { arenaBytes: 5 * GIB },
      });
      const { a, b } = pair;
      const region = b.register(0, 5 * GIB, WRITABLE | Access.REMOTE_READ | Access.REMOTE_ATOMIC);
      const near = new Uint8Array(b.buffer(4096, 64)).fill(1);
      new Uint8Array(a.buffer(far, 64)).set(pattern(64));
      a.write(1, far, 64, region.address + far, region.rkey, SIGNALED);
      await expectNext(a, { id: 1, status: Status.SUCCESS });
      assertEquals(new Uint8Array(b.buffer(far, 64)), pattern(64));
      assert(near.every((byte) => byte === 1));
      b.postReceive(5, 5 * GIB - 64, 64);
      a.send(2, far, 64, 0);
      await expectNext(b, { id: 5, status: Status.SUCCESS, byteLength: 64 });
      assertEquals(new Uint8Array(b.buffer(5 * GIB - 64, 64)), pattern(64));
      a.read(3, far + 128, 64, region.address + 5 * GIB - 64, region.rkey, SIGNALED);
      a.fetchAndAdd(4, far + 256, region.address + far + 1024, region.rkey, 3n, SIGNALED);
      await expectNext(a, { id: 3, status: Status.SUCCESS });
      await expectNext(a, { id: 4, status: Status.SUCCESS });
      assertEquals(new Uint8Array(a.buffer(far + 128, 64)), pattern(64));
      assertEquals(new BigUint64Array(b.buffer(far + 1024, 8))[0], 3n);
      assertCode(() => a.buffer(5 * GIB, 1), "range");
      assertCode(() => a.write(5, 0, 3 * GIB, region.address, region.rkey, 0), "range");
    },
  });
}
