/** Send and receive. */

import { assert, assertEquals } from "@std/assert";
import { SIGNALED } from "../../../fabric/fabric.ts";
import { Opcode, Status } from "../../../fabric/status.ts";
import { assertCode, connectPair, expectNext, flushedIds, next, type Open, over } from "./pair.ts";
import { pattern } from "../../support/pattern.ts";

export function messages(name: string, open: Open): void {
  for (const [length, capacity] of [[0, 0], [0, 64], [1, 64], [64, 64], [4096, 8192]] as const) {
    Deno.test(`${name}: \`send()\` puts ${length} bytes into a receive of ${capacity}`, async () => {
      await using pair = await connectPair(open);
      const { a, b } = pair;
      b.postReceive(7, 1024, capacity);
      new Uint8Array(a.buffer(512, length)).set(pattern(length));
      const before = new Uint8Array(b.buffer(1024 + length, 8));
      before.fill(0xee);
      a.send(3, 512, length, SIGNALED);
      await expectNext(b, {
        id: 7,
        status: Status.SUCCESS,
        opcode: Opcode.RECEIVE,
        byteLength: length,
      });
      assertEquals(new Uint8Array(b.buffer(1024, length)), pattern(length));
      assertEquals(before, new Uint8Array(8).fill(0xee));
      await expectNext(a, { id: 3, status: Status.SUCCESS, opcode: Opcode.SEND });
      assert(!a.poll() && !b.poll());
    });
  }

  Deno.test(`${name}: a message longer than its receive fails with LOC_LEN_ERR and REM_INV_REQ_ERR`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    b.postReceive(7, 0, 64);
    b.postReceive(8, 64, 64);
    a.send(3, 0, 65, 0);
    const { id, status } = await next(a);
    assertEquals(id, 3);
    assert([Status.REM_INV_REQ_ERR, Status.REM_OP_ERR].includes(status as never), `${status}`);
    await expectNext(b, { id: 7, status: Status.LOC_LEN_ERR });
    await over(b);
    assertEquals(await flushedIds(b, 1), [8]);
    assertEquals(a.state, "error");
    assert(
      new Uint8Array(b.buffer(64, 64)).every((byte) => byte === 0),
      "the next receive's bytes",
    );
  });

  Deno.test(`${name}: messages take receives in the order of posting`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const places = [300, 100, 200];
    places.forEach((place, i) => b.postReceive(i, place, 8));
    for (let i = 0; i < 3; i++) {
      new Uint8Array(a.buffer(i, 1))[0] = 10 + i;
      a.send(i, i, 1, 0);
    }
    for (let i = 0; i < 3; i++) {
      await expectNext(b, { id: i, status: Status.SUCCESS, byteLength: 1 });
      assertEquals(new Uint8Array(b.buffer(places[i]!, 1))[0], 10 + i);
    }
  });

  Deno.test(`${name}: 10,000 messages arrive in order through 32 receives`, async () => {
    const receives = 32;
    const total = 10_000;
    await using pair = await connectPair(open, {
      a: { receiveDepth: receives, sendDepth: receives },
      b: { receiveDepth: receives },
    });
    const { a, b } = pair;
    const out = new Uint32Array(a.buffer(0, 4 * receives));
    const into = new Uint32Array(b.buffer(0, 4 * receives));
    for (let i = 0; i < receives; i++) b.postReceive(i, 4 * i, 4);
    let sent = 0;
    let received = 0;
    while (received < total) {
      // At most as many in flight as there are receives; a place is reused when its message has arrived.
      while (sent < total && sent - received < receives) {
        const place = sent % receives;
        out[place] = sent;
        a.send(place, 4 * place, 4, 0);
        sent++;
      }
      const { id, status } = await next(b);
      if (status !== Status.SUCCESS || id !== received % receives || into[id] !== received) {
        throw new Error(`message ${received}: id ${id}, status ${status}, bytes ${into[id]}`);
      }
      b.postReceive(id, 4 * id, 4);
      received++;
    }
    assert(!a.poll() && !b.poll());
  });

  Deno.test(`${name}: messages cross in both directions at once`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    for (const [i, end] of [a, b].entries()) {
      for (let n = 0; n < 8; n++) end.postReceive(n, 64 * n, 64);
      new Uint8Array(end.buffer(4096, 64)).fill(i + 1);
    }
    for (let n = 0; n < 8; n++) {
      a.send(n, 4096, n, 0);
      b.send(n, 4096, n + 8, 0);
    }
    for (let n = 0; n < 8; n++) {
      await expectNext(a, { id: n, status: Status.SUCCESS, byteLength: n + 8 });
      await expectNext(b, { id: n, status: Status.SUCCESS, byteLength: n });
      assertEquals(new Uint8Array(a.buffer(64 * n, 1))[0], 2);
    }
  });

  Deno.test(`${name}: \`send()\` without a receive fails with RNR_RETRY_EXC_ERR after its time`, async () => {
    await using pair = await connectPair(open, { a: { receiverNotReadyMs: 50 } });
    const { a, b } = pair;
    const startMs = performance.now();
    a.send(4, 0, 8, 0);
    await expectNext(a, { id: 4, status: Status.RNR_RETRY_EXC_ERR });
    const waitedMs = performance.now() - startMs;
    // A device counts in its own steps, and soft-RoCE in kernel ticks, which a busy host delivers late and then several
    // at once: 50 ms can take less than 40.
    assert(waitedMs >= 25, `it must have waited, not ${waitedMs} ms`);
    assertEquals(a.state, "error");
    await over(b);
    assert(!b.poll());
  });

  Deno.test(`${name}: \`send()\` of a range outside the arena throws, and the connection stays up`, async () => {
    await using pair = await connectPair(open, { a: { arenaBytes: 100 } });
    const { a, b } = pair;
    b.postReceive(1, 0, 200);
    for (const [offset, length] of [[-1, 8], [0, -1], [0, 101], [100, 1], [93, 8], [NaN, 1]]) {
      assertCode(() => a.send(1, offset!, length!, 0), "range");
      assertCode(() => a.postReceive(1, offset!, length!), "range");
    }
    a.send(1, 92, 8, 0);
    await expectNext(b, { id: 1, status: Status.SUCCESS, byteLength: 8 });
  });
}
