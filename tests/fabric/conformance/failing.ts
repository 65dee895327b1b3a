/** Requests that the peer's regions do not allow: REM_ACCESS_ERR, the connection ends, and no data changes. */

import { assert, assertEquals } from "@std/assert";
import { Access, type Connection, type MemoryRegion } from "../../../fabric/fabric.ts";
import { Status } from "../../../fabric/status.ts";
import {
  ALL,
  ARENA_BYTES,
  assertCode,
  connectPair,
  expectNext,
  flushedIds,
  type Open,
  over,
} from "./pair.ts";

const FROM = 1024;
const LENGTH = 512;

type Request = (a: Connection, address: number, length: number, rkey: number) => void;
const REQUESTS: Record<string, { needs: number; post: Request }> = {
  "write()": {
    needs: Access.REMOTE_WRITE,
    post: (a, address, length, rkey) => a.write(1, 0, length, address, rkey, 0),
  },
  "writeImmediate()": {
    needs: Access.REMOTE_WRITE,
    post: (a, address, length, rkey) => a.writeImmediate(1, 0, length, address, rkey, 7, 0),
  },
  "read()": {
    needs: Access.REMOTE_READ,
    post: (a, address, length, rkey) => a.read(1, 0, length, address, rkey, 0),
  },
  "fetchAndAdd()": {
    needs: Access.REMOTE_ATOMIC,
    post: (a, address, _, rkey) => a.fetchAndAdd(1, 0, address, rkey, 1n, 0),
  },
  "compareAndSwap()": {
    needs: Access.REMOTE_ATOMIC,
    post: (a, address, _, rkey) =>
      a.compareAndSwap(1, 0, address, rkey, 0x5a5a5a5a5a5a5a5an, 1n, 0),
  },
};

export function failing(name: string, open: Open): void {
  /** Both ends of a pair whose request must fail. */
  async function refuses(
    request: string,
    provoke: (a: Connection, region: MemoryRegion, b: Connection) => void,
    access = ALL,
  ): Promise<void> {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const theirs = new Uint8Array(b.buffer(0, ARENA_BYTES)).fill(0x5a);
    const ours = new Uint8Array(a.buffer(0, ARENA_BYTES)).fill(0xa5);
    const region = b.register(FROM, LENGTH, access);
    b.postReceive(31, 0, 8);
    a.postReceive(32, 0, 8);
    provoke(a, region, b);
    await expectNext(a, { id: 1, status: Status.REM_ACCESS_ERR });
    assertEquals(a.state, "error", request);
    assert(a.reason.length > 0);
    await over(b);
    assert(b.reason.length > 0);
    assertEquals(await flushedIds(a, 1), [32]);
    assertEquals(await flushedIds(b, 1), [31]);
    assert(theirs.every((byte) => byte === 0x5a), "the peer's data changed");
    assert(ours.every((byte) => byte === 0xa5), "this side's data changed");
    assertCode(() => REQUESTS[request]!.post(a, region.address, 8, region.rkey), "state");
  }

  for (const [request, { needs, post }] of Object.entries(REQUESTS)) {
    const atomic = needs === Access.REMOTE_ATOMIC;

    Deno.test(`${name}: \`${request}\` with a wrong rkey ends in REM_ACCESS_ERR`, async () => {
      // Keys next to a good one, keys that differ in one bit, none.
      await refuses(request, (a, { address, rkey }) => post(a, address, 8, (rkey + 1) >>> 0));
      await refuses(request, (a, { address, rkey }) => post(a, address, 8, (rkey ^ 256) >>> 0));
      await refuses(request, (a, { address }) => post(a, address, 8, 0));
    });

    Deno.test(`${name}: \`${request}\` after \`deregister()\` ends in REM_ACCESS_ERR`, async () => {
      await refuses(request, (a, region) => {
        region.deregister();
        region.deregister();
        post(a, region.address, 8, region.rkey);
      });
    });

    Deno.test(`${name}: \`${request}\` with an old key after its range was registered again ends in REM_ACCESS_ERR`, async () => {
      await refuses(request, (a, region, b) => {
        region.deregister();
        b.register(FROM, LENGTH, ALL);
        post(a, region.address, 8, region.rkey);
      });
    });

    Deno.test(`${name}: \`${request}\` without the access right ends in REM_ACCESS_ERR`, async () => {
      const others = ALL & ~needs;
      await refuses(
        request,
        (a, { address, rkey }) => post(a, address, 8, rkey),
        // REMOTE_WRITE and REMOTE_ATOMIC require LOCAL_WRITE (man ibv_reg_mr), so it stays.
        others,
      );
    });

    const step = atomic ? 8 : 1;
    Deno.test(`${name}: \`${request}\` ${step} bytes out of range on either side ends in REM_ACCESS_ERR`, async () => {
      const length = atomic ? 8 : 16;
      await refuses(request, (a, { address, rkey }) => post(a, address - step, length, rkey));
      await refuses(
        request,
        (a, { address, rkey }) => post(a, address + LENGTH - length + step, length, rkey),
      );
    });

    if (!atomic) {
      Deno.test(`${name}: \`${request}\` longer than the region ends in REM_ACCESS_ERR`, async () => {
        await refuses(request, (a, { address, rkey }) => post(a, address, LENGTH + 1, rkey));
        await refuses(request, (a, { address, rkey }) => post(a, address, ARENA_BYTES, rkey));
      });
    }
  }

  Deno.test(`${name}: requests up to both ends of the region succeed`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const { address, rkey } = b.register(FROM, LENGTH, ALL);
    new Uint8Array(a.buffer(0, LENGTH)).fill(9);
    a.write(1, 0, LENGTH, address, rkey, 2);
    a.write(2, 0, 1, address + LENGTH - 1, rkey, 2);
    a.fetchAndAdd(3, 1024, address + LENGTH - 8, rkey, 1n, 2);
    a.read(4, 0, LENGTH, address, rkey, 2);
    for (const id of [1, 2, 3, 4]) await expectNext(a, { id, status: Status.SUCCESS });
    assertEquals([a.state, b.state], ["connected", "connected"]);
  });
}
