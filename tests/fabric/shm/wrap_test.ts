/** Message counters that pass 2^31 and 2^32. */

import { assert, assertEquals } from "@std/assert";
import { Status } from "../../../fabric/status.ts";
import { openShm } from "../../../fabric/shm/provider.ts";
import { assertCode, connectPair, expectNext, flushedIds, over } from "../conformance/pair.ts";

for (const [firstSequence, what] of [[2 ** 31, "2^31"], [2 ** 32, "2^32"]] as const) {
  Deno.test(`shm: 100 messages each way pass ${what} through rings of 16`, async () => {
    const options = { receiveDepth: 16 };
    await using pair = await connectPair(
      () => openShm({ firstSequence: firstSequence - 40 }),
      { a: options, b: options },
    );
    const { a, b } = pair;
    for (let i = 0; i < 16; i++) {
      a.postReceive(i, 64 * i, 64);
      b.postReceive(i, 64 * i, 64);
    }
    for (let i = 0; i < 100; i++) {
      for (const [from, to] of [[a, b], [b, a]] as const) {
        if (i % 2 === 0) {
          new Uint32Array(from.buffer(4096, 4))[0] = i;
          from.send(1, 4096, 4, 0);
          await expectNext(to, { id: i % 16, status: Status.SUCCESS, byteLength: 4 });
          assertEquals(new Uint32Array(to.buffer(64 * (i % 16), 4))[0], i);
        } else {
          from.writeImmediate(1, 0, 0, 0, 0, -i, 0);
          await expectNext(to, { id: i % 16, status: Status.SUCCESS, immediate: -i });
        }
        assert(!to.poll());
        to.postReceive(i % 16, 64 * (i % 16), 64);
      }
    }
    a.disconnect();
    await over(b);
    const rest = Array.from({ length: 16 }, (_, i) => (100 + i) % 16);
    assertEquals(await flushedIds(b, 16), rest);
    assertEquals(await flushedIds(a, 16), rest);
  });

  Deno.test(`shm: a burst that fills the ring across ${what} is received in order`, async () => {
    await using pair = await connectPair(
      () => openShm({ firstSequence: firstSequence - 8 }),
      { b: { receiveDepth: 16 } },
    );
    const { a, b } = pair;
    assertEquals(await b.wait({ timeoutMs: 1 }), false, "an empty ring looks full");
    b.postReceives(16);
    assertCode(() => b.postReceives(1), "full");
    for (let i = 0; i < 16; i++) a.writeImmediate(0, 0, 0, 0, 0, i, 0);
    for (let i = 0; i < 16; i++) {
      await expectNext(b, { id: 0, status: Status.SUCCESS, immediate: i });
    }
    assert(!b.poll());
    a.writeImmediate(3, 0, 0, 0, 0, 1, 0);
    await expectNext(a, { id: 3, status: Status.RNR_RETRY_EXC_ERR });
  });
}
