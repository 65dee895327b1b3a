/** One poll(2) for all descriptors of an event loop. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { Poller } from "../../ffi/poller.ts";
import { countDescriptors } from "../support/descriptors.ts";

const BOUND = { timeoutMs: 5000 };

async function withPoller(run: (poller: Poller, libc: Libc) => Promise<void>): Promise<void> {
  const libc = openLibc();
  const before = countDescriptors();
  const poller = new Poller(libc);
  try {
    await run(poller, libc);
  } finally {
    poller.close();
    poller.close();
    await poller.closed;
    assertEquals(countDescriptors(), before);
    libc.close();
  }
}

const signal = (libc: Libc, fd: number) =>
  libc.c.write(fd, new Uint8Array(new BigUint64Array([1n]).buffer), 8n);

Deno.test("`readable()` returns true for a descriptor that can be read, at once or later", async () => {
  await withPoller(async (poller, libc) => {
    const fd = libc.c.eventfd(0, 0);
    const waiting = poller.readable(fd, BOUND);
    signal(libc, fd);
    assertEquals(await waiting, true);
    assertEquals(await poller.readable(fd, BOUND), true);
    libc.c.close(fd);
  });
});

Deno.test("`readable()` waits for more descriptors than a page describes", async () => {
  await withPoller(async (poller, libc) => {
    const fd = libc.c.eventfd(0, 0);
    const waiting = Array.from({ length: 1500 }, () => poller.readable(fd, BOUND));
    signal(libc, fd);
    assertEquals(new Set(await Promise.all(waiting)), new Set([true]));
    libc.c.close(fd);
  });
});

Deno.test("`readable()` returns false after its own timeout", async () => {
  await withPoller(async (poller, libc) => {
    const fd = libc.c.eventfd(0, 0);
    const startMs = performance.now();
    const long = poller.readable(fd, BOUND);
    assertEquals(await poller.readable(fd, { timeoutMs: 0 }), false);
    assertEquals(await poller.readable(fd, { timeoutMs: -5 }), false);
    assertEquals(await poller.readable(fd, { timeoutMs: 20 }), false);
    const tookMs = performance.now() - startMs;
    assert(tookMs >= 19.9 && tookMs < 2000, `${tookMs} ms`);
    signal(libc, fd);
    assertEquals(await long, true);
    libc.c.close(fd);
  });
});

Deno.test("`readable()` throws the reason of its signal", async () => {
  await withPoller(async (poller, libc) => {
    const fd = libc.c.eventfd(0, 0);
    const reason = new Error("enough");
    const controller = new AbortController();
    const waiting = assertRejects(() => poller.readable(fd, { signal: controller.signal }));
    const other = poller.readable(fd, BOUND);
    controller.abort(reason);
    assertEquals(await waiting, reason);
    assertEquals(
      await assertRejects(() => poller.readable(fd, { signal: controller.signal })),
      reason,
    );
    signal(libc, fd);
    assertEquals(await other, true);
    libc.c.close(fd);
  });
});

Deno.test("`release()` ends only the waits for its descriptor", async () => {
  await withPoller(async (poller, libc) => {
    const [one, two] = [libc.c.eventfd(0, 0), libc.c.eventfd(0, 0)];
    const ended = [poller.readable(one), poller.readable(one, BOUND)];
    let twoEnded = false;
    const other = poller.readable(two, BOUND).finally(() => twoEnded = true);
    poller.release(one);
    libc.c.close(one);
    assertEquals(await Promise.all(ended), [true, true]);
    assert(!twoEnded);
    signal(libc, two);
    assertEquals(await other, true);
    libc.c.close(two);
  });
});

Deno.test("`close()` ends all waits as timed out, and later ones throw", async () => {
  await withPoller(async (poller, libc) => {
    const fd = libc.c.eventfd(0, 0);
    const waits = [poller.readable(fd), poller.readable(fd, BOUND)];
    poller.close();
    assertEquals(await Promise.all(waits), [false, false]);
    await assertRejects(() => poller.readable(fd), TypeError, "the poller is closed");
    libc.c.close(fd);
  });
});

Deno.test("`readable()` waits for 100 descriptors at once, each independently", async () => {
  await withPoller(async (poller, libc) => {
    const fds = Array.from({ length: 100 }, () => libc.c.eventfd(0, 0));
    const ready: number[] = [];
    const waits = fds.map((fd, i) => poller.readable(fd, BOUND).then(() => ready.push(i)));
    const order = fds.map((_, i) => (i * 37) % 100);
    for (const i of order) {
      signal(libc, fds[i]!);
      await waits[i];
    }
    assertEquals(ready, order);
    for (const fd of fds) libc.c.close(fd);
  });
});

Deno.test("waits for 100 descriptors do not block file reads", async () => {
  await withPoller(async (poller, libc) => {
    const fds = Array.from({ length: 100 }, () => libc.c.eventfd(0, 0));
    const waits = fds.map((fd) => poller.readable(fd, BOUND));
    const text = await Deno.readTextFile(new URL(import.meta.url)); // 32 threads serve these too
    assert(text.length > 0);
    for (const fd of fds) signal(libc, fd);
    assertEquals(await Promise.all(waits), fds.map(() => true));
    for (const fd of fds) libc.c.close(fd);
  });
});

Deno.test("an idle poller does not keep its process alive", async () => {
  const source = (name: string) => JSON.stringify(import.meta.resolve(`../../ffi/${name}.ts`));
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--no-check",
      `const { openLibc } = await import(${source("libc")});
       const { Poller } = await import(${source("poller")});
       const libc = openLibc();
       const poller = new Poller(libc);
       console.log(await poller.readable(libc.c.eventfd(1, 0)));`,
    ],
    stdin: "null",
    signal: AbortSignal.timeout(10_000),
  }).output();
  assertEquals([code, new TextDecoder().decode(stdout)], [0, "true\n"]);
});
