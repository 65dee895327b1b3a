/** Fetch-and-add and compare-and-swap on 64 bits. */

import { assert, assertEquals } from "@std/assert";
import { Access, type Connection, SIGNALED } from "../../../fabric/fabric.ts";
import { Opcode, Status } from "../../../fabric/status.ts";
import { assertCode, connectPair, expectNext, type Open } from "./pair.ts";

const ACCESS = Access.LOCAL_WRITE | Access.REMOTE_ATOMIC;
const TOP = 0xffffffffffffffffn;

function words(end: Connection, offset = 0): BigUint64Array {
  return new BigUint64Array(end.buffer(offset, 16));
}

export function atomics(name: string, open: Open): void {
  for (
    const [from, add] of [[0n, 1n], [2n ** 53n + 1n, 2n ** 60n + 3n], [TOP, 1n], [5n, TOP], [
      2n ** 63n,
      2n ** 63n,
    ]] as const
  ) {
    Deno.test(`${name}: \`fetchAndAdd()\` of ${add} to ${from}`, async () => {
      await using pair = await connectPair(open);
      const { a, b } = pair;
      const { address, rkey } = b.register(0, 64, ACCESS);
      words(b)[1] = from;
      a.fetchAndAdd(4, 16, address + 8, rkey, add, SIGNALED);
      await expectNext(a, { id: 4, status: Status.SUCCESS, opcode: Opcode.FETCH_AND_ADD });
      assertEquals(words(a, 16)[0], from);
      assertEquals([...words(b)], [0n, (from + add) & TOP]);
    });
  }

  for (const [value, compare] of [[7n, 7n], [7n, 8n], [TOP, TOP], [2n ** 53n, 2n ** 53n + 1n]]) {
    Deno.test(`${name}: \`compareAndSwap()\` of ${compare} where the value is ${value}`, async () => {
      await using pair = await connectPair(open);
      const { a, b } = pair;
      const { address, rkey } = b.register(0, 64, ACCESS);
      const swap = TOP - 1n;
      words(b)[0] = value!;
      a.compareAndSwap(5, 8, address, rkey, compare!, swap, SIGNALED);
      await expectNext(a, { id: 5, status: Status.SUCCESS, opcode: Opcode.COMPARE_AND_SWAP });
      assertEquals(words(a, 8)[0], value);
      assertEquals([...words(b)], [compare === value ? swap : value!, 0n]);
    });
  }

  Deno.test(`${name}: atomics complete in order, and each sees the effect of the previous one`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const { address, rkey } = b.register(0, 8, ACCESS);
    for (let i = 0; i < 100; i++) a.fetchAndAdd(i, 8 * i, address, rkey, 1n, SIGNALED);
    for (let i = 0; i < 100; i++) await expectNext(a, { id: i, status: Status.SUCCESS });
    const seen = [...new BigUint64Array(a.buffer(0, 800))];
    assertEquals(seen, seen.map((_, i) => BigInt(i)));
    assertEquals(words(b)[0], 100n);
  });

  for (const method of ["fetchAndAdd", "compareAndSwap"] as const) {
    const post = (end: Connection, offset: number, address: number, rkey: number) =>
      method === "fetchAndAdd"
        ? end.fetchAndAdd(1, offset, address, rkey, 1n, 0)
        : end.compareAndSwap(1, offset, address, rkey, 0n, 1n, 0);

    Deno.test(`${name}: \`${method}()\` at a misaligned address throws, and the connection stays up`, async () => {
      await using pair = await connectPair(open);
      const { a, b } = pair;
      const { address, rkey } = b.register(0, 64, ACCESS);
      assertCode(() => post(a, 0, address + 4, rkey), "range");
      assertEquals([a.state, b.state], ["connected", "connected"]);
      assert(words(b).every((word) => word === 0n));
    });

    Deno.test(`${name}: \`${method}()\` to a misaligned local offset throws, and the connection stays up`, async () => {
      await using pair = await connectPair(open, { a: { arenaBytes: 20 } });
      const { a, b } = pair;
      const { address, rkey } = b.register(0, 64, ACCESS);
      assertCode(() => post(a, 4, address, rkey), "range");
      assertCode(() => post(a, 16, address, rkey), "range");
      assertCode(() => post(a, -8, address, rkey), "range");
      assertEquals(words(b)[0], 0n);
      a.fetchAndAdd(2, 8, address, rkey, 1n, SIGNALED);
      await expectNext(a, { id: 2, status: Status.SUCCESS });
    });
  }
}
