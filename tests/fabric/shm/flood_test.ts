/** Floods of connections are bounded and leak nothing, and other peers are served. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Libc, openLibc } from "../../../ffi/libc.ts";
import { closeUnix, connectUnix } from "../../../ffi/sockets/unix_socket.ts";
import { Access } from "../../../fabric/fabric.ts";
import { openShm } from "../../../fabric/shm/provider.ts";
import { countDescriptors, countMappings, eventually } from "../../support/descriptors.ts";
import { limitMs } from "../../support/time_factor.ts";
import { connectPair, turn } from "../conformance/pair.ts";

const FLOOD = 200;

/** Connects without sending a hello. */
async function connectSilently(libc: Libc, address: string): Promise<number> {
  for (;;) {
    const fd = connectUnix(libc, `rfaas/${address.slice("shm:".length)}`);
    if (fd >= 0) return fd;
    await turn(); // the listener's queue is full
  }
}

Deno.test(`shm: ${FLOOD} half-open connections are bounded, and other peers are served`, async () => {
  await using provider = openShm();
  using listener = await provider.listen();
  const libc = openLibc();
  const before = countDescriptors();
  const silent: number[] = [];
  for (let i = 0; i < FLOOD; i++) silent.push(await connectSilently(libc, listener.address));
  const startMs = performance.now();
  const connecting = provider.connect(listener.address, { arenaBytes: 64 });
  const b = await (await listener.accept())!.accept({ arenaBytes: 64 });
  const a = await connecting;
  assertEquals([a.state, b.state], ["connected", "connected"]);
  assert(performance.now() - startMs < limitMs(1000), "the connection waited for the flood to end");
  const held = countDescriptors() - before - FLOOD;
  assert(held <= 70, `the listener holds ${held} descriptors`);
  for (const fd of silent) closeUnix(libc, fd);
  a.close();
  b.close();
  await eventually(() => countDescriptors() <= before, () => `${countDescriptors()} of ${before}`);
  libc.close();
});

Deno.test("shm: unaccepted requests are bounded, and those of closed peers are dropped", async () => {
  await using provider = openShm();
  using listener = await provider.listen();
  const before = countDescriptors();
  const controller = new AbortController();
  const { signal } = controller;
  const options = { arenaBytes: 64, signal, timeoutMs: 30_000 };
  const connecting = Array.from(
    { length: 160 },
    () => assertRejects(() => provider.connect(listener.address, options)),
  );
  const request = await listener.accept();
  await eventually(
    () => countDescriptors() > before + 3 * 128,
    () => "the requests have not arrived",
  );
  controller.abort();
  await Promise.all(connecting);
  request!.reject();
  // The queue has only requests of closed peers, so the next request is served first.
  const living = provider.connect(listener.address, {
    arenaBytes: 64,
    privateData: Uint8Array.of(9),
  });
  const alive = await listener.accept();
  assertEquals(alive!.privateData, Uint8Array.of(9));
  const b = await alive!.accept({ arenaBytes: 64 });
  (await living).close();
  b.close();
  await eventually(() => countDescriptors() <= before, () => `${countDescriptors()} of ${before}`);
});

Deno.test("shm: 200 connects and closes leave no descriptor and no mapping behind", async () => {
  await using provider = openShm();
  using listener = await provider.listen();
  const [descriptors, mappings] = [countDescriptors(), countMappings()];
  for (let i = 0; i < 200; i++) {
    const connecting = provider.connect(listener.address, { arenaBytes: 65536 });
    const b = await (await listener.accept())!.accept({ arenaBytes: 65536 });
    const a = await connecting;
    a.buffer(0, 64);
    const region = b.register(0, 64, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
    a.shared!.peerBuffer(region.address, 64, region.rkey);
    (i % 2 ? a : b).close();
    (i % 2 ? b : a).close();
  }
  await eventually(() => countDescriptors() <= descriptors, () => `${countDescriptors()} left`);
  assertEquals(countMappings(), mappings);
});

Deno.test("shm: closed connections, listeners and providers leave no descriptor and no mapping", async () => {
  await (await connectPair(openShm))[Symbol.asyncDispose](); // creates resources that are created only once
  const [descriptors, mappings] = [countDescriptors(), countMappings()];
  for (let i = 0; i < 20; i++) {
    await using pair = await connectPair(openShm);
    pair.a.postReceive(1, 0, 8);
  }
  assertEquals([countDescriptors(), countMappings()], [descriptors, mappings]);
});
