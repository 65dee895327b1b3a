/** Waiting in one process: what ends a wait. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { openLibc } from "../../../ffi/libc.ts";
import { SIGNALED } from "../../../fabric/fabric.ts";
import { Status } from "../../../fabric/status.ts";
import { limitMs, scaledCount } from "../../support/time_factor.ts";
import { BOUND_MS, connectPair, expectNext, type Open, turn } from "./pair.ts";

const bound = { timeoutMs: BOUND_MS };

/** Expects that waits end by a wake-up, not by their timeout. */
async function woken(...waits: Promise<boolean>[]): Promise<void> {
  const startMs = performance.now();
  assertEquals(await Promise.all(waits), waits.map(() => true));
  assert(performance.now() - startMs < BOUND_MS / 2, "it ended by its timeout");
}

export function waking(name: string, open: Open): void {
  Deno.test(`${name}: \`wait()\` is woken by a message`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    b.postReceive(1, 0, 8);
    const waiting = b.wait(bound);
    await turn();
    a.send(1, 0, 8, 0);
    await woken(waiting);
    await expectNext(b, { id: 1, status: Status.SUCCESS });
  });

  Deno.test(`${name}: \`wait()\` returns at once when there is a completion`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    b.postReceives(1);
    a.writeImmediate(1, 0, 0, 0, 0, 3, SIGNALED);
    await woken(a.wait(bound));
    await woken(b.wait(bound));
    await expectNext(b, { id: 0, status: Status.SUCCESS });
    await expectNext(a, { id: 1, status: Status.SUCCESS });
  });

  Deno.test(`${name}: \`wait()\` is woken by a disconnect of either end`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const waiting = [a.wait(bound), b.wait(bound)];
    await turn();
    a.disconnect();
    await woken(...waiting);
    assert(!b.probe());
  });

  Deno.test(`${name}: \`wait()\` is woken by the failure of a request of the same end`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const waiting = [a.wait(bound), b.wait(bound)];
    await turn();
    a.read(1, 0, 8, 0, 12345, 0);
    await woken(...waiting);
    await expectNext(a, { id: 1, status: Status.REM_ACCESS_ERR });
  });

  Deno.test(`${name}: \`wait()\` and \`waitSync()\` return false after their timeout`, async () => {
    await using pair = await connectPair(open);
    const { a } = pair;
    const startMs = performance.now();
    assertEquals(await a.wait({ timeoutMs: 30 }), false);
    assertEquals(a.waitSync(30), false);
    const tookMs = performance.now() - startMs;
    assert(tookMs >= 59 && tookMs < limitMs(2000), `${tookMs} ms`);
    for (const passed of [0, -1, -1e12]) {
      assertEquals(await a.wait({ timeoutMs: passed }), false);
      assertEquals(a.waitSync(passed), false);
    }
    assertEquals(a.state, "connected");
  });

  Deno.test(`${name}: \`wait()\` throws the reason of its signal, and the next wait works`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    const reason = new Error("enough");
    assertEquals(await assertRejects(() => b.wait({ signal: AbortSignal.abort(reason) })), reason);
    const controller = new AbortController();
    const waiting = assertRejects(() => b.wait({ signal: controller.signal }));
    await turn();
    controller.abort(reason);
    assertEquals(await waiting, reason);
    b.postReceive(1, 0, 8);
    const again = b.wait(bound);
    await turn();
    a.send(1, 0, 8, 0);
    await woken(again);
  });

  Deno.test(`${name}: a wait that times out does not take the wake-up of another`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    b.postReceive(1, 0, 8);
    const long = b.wait(bound);
    assertEquals(await b.wait({ timeoutMs: 5 }), false);
    assertEquals(b.waitSync(1), false);
    a.send(1, 0, 8, 0);
    await woken(long);
    await expectNext(b, { id: 1, status: Status.SUCCESS });
  });

  Deno.test(`${name}: one message wakes several waits`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    b.postReceive(1, 0, 8);
    const waits = [b.wait(bound), b.wait(bound), b.wait(bound)];
    await turn();
    a.send(1, 0, 8, 0);
    await woken(...waits);
  });

  Deno.test(`${name}: one message wakes waits that began one after the other, 200 times`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    b.postReceives(1);
    for (let i = 0; i < 200; i++) {
      const first = b.wait(bound);
      await turn();
      const second = b.wait(bound); // may miss what woke the first
      a.writeImmediate(1, 0, 0, 0, 0, i, 0);
      await woken(first, second);
      await expectNext(b, { id: 0, status: Status.SUCCESS, immediate: i });
      b.postReceives(1);
    }
  });

  Deno.test(`${name}: \`waitSync()\` returns at once when there is a completion or the connection is over`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    b.postReceive(1, 0, 8);
    a.send(1, 0, 8, SIGNALED);
    await expectNext(a, { id: 1, status: Status.SUCCESS });
    assert(b.waitSync(BOUND_MS));
    await expectNext(b, { id: 1, status: Status.SUCCESS });
    a.disconnect();
    assert(b.waitSync(BOUND_MS));
    assert(a.waitSync(BOUND_MS));
  });

  Deno.test(`${name}: \`waitSync()\` is ended by its stopFd only when that is readable`, async () => {
    await using pair = await connectPair(open);
    const libc = openLibc();
    const [ready, idle] = [libc.c.eventfd(1, 0), libc.c.eventfd(0, 0)];
    const startMs = performance.now();
    assert(pair.b.waitSync(BOUND_MS, ready));
    assert(performance.now() - startMs < BOUND_MS / 2);
    assertEquals(pair.b.waitSync(20, idle), false);
    assertEquals(pair.b.state, "connected");
    for (const fd of [ready, idle]) libc.c.close(fd);
    libc.close();
  });

  const messages = scaledCount(2_000, 400);
  Deno.test(`${name}: ${messages} messages to a sleeping end lose no wake-up`, async () => {
    await using pair = await connectPair(open);
    const { a, b } = pair;
    b.postReceives(1);
    for (let i = 0; i < messages; i++) {
      const waiting = b.wait(bound);
      if (i % 3 === 0) await turn();
      a.writeImmediate(1, 0, 0, 0, 0, i, 0);
      await woken(waiting);
      await expectNext(b, { id: 0, status: Status.SUCCESS, immediate: i });
      b.postReceives(1);
    }
  });
}
