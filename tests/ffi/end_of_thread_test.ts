/** Descriptors and mappings of threads that end without closing them. */

import { assertEquals } from "@std/assert";
import { EndOfThread, RELEASE_CODE } from "../../ffi/end_of_thread.ts";
import { openLibc } from "../../ffi/libc.ts";
import { MappedMemory } from "../../ffi/mapped_memory.ts";
import { createSharedMemory } from "../../ffi/shared_memory.ts";
import { countDescriptors, countMappings } from "../support/descriptors.ts";
import { until } from "../support/waiting.ts";

const ffi = new URL("../../ffi/", import.meta.url).href;

/** A thread that opens descriptors and mappings `times` times, runs more code, and reports. */
function openInThread(times: number, more: string): Promise<Worker> {
  const code = `
    import { disarmAtFailure, EndOfThread, releaseAtEnd } from "${ffi}end_of_thread.ts";
    import { openLibc } from "${ffi}libc.ts";
    import { MappedMemory } from "${ffi}mapped_memory.ts";
    import { Poller } from "${ffi}poller.ts";
    import { createSharedMemory } from "${ffi}shared_memory.ts";
    import { closeUnix, connectUnix, listenUnix } from "${ffi}sockets/unix_socket.ts";
    const plain = openLibc();
    const holdings = new EndOfThread(plain);
    releaseAtEnd(plain, holdings.address);
    const libc = openLibc(holdings);
    const name = "rfaas/end-" + crypto.randomUUID();
    const listener = listenUnix(plain, name, 4096);
    const fd = createSharedMemory(plain, "rfaas-end", 4096, { folder: "/nowhere" });
    const poller = new Poller(libc);
    const opened = Array.from({ length: ${times} }, () => {
      const socket = connectUnix(libc, name);
      return { socket, memory: MappedMemory.map(libc, fd, 4096) };
    });
    plain.c.close(fd);
    plain.c.close(listener);
    poller.readable(-1);
    ${more}
    self.postMessage("open");`;
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = () => resolve(worker);
    worker.onerror = reject;
  });
}

/** What this process holds, without the event loops that Deno opens for threads and keeps for a moment. */
const held = () => ({ descriptors: countDescriptors(), mappings: countMappings() });

Deno.test("a thread's descriptors and mappings are released when it ends", async (t) => {
  (await openInThread(1, "")).terminate(); // Deno opens some things once
  for (
    const [name, times, more] of [
      ["a few", 3, ""],
      [
        "some of many, the others being closed",
        500,
        `
         for (const { socket, memory } of opened.splice(100, 300)) {
           closeUnix(libc, socket);
           memory.close();
         }`,
      ],
      [
        "all closed before",
        3,
        `
         for (const { socket, memory } of opened) {
           closeUnix(libc, socket);
           memory.close();
         }`,
      ],
    ] as const
  ) {
    await t.step(name, async () => {
      await until(() => held().mappings === 0, () => `no mappings are left: ${held().mappings}`);
      const before = held();
      const worker = await openInThread(times, more);
      worker.terminate();
      await until(
        () => held().mappings === 0 && held().descriptors <= before.descriptors,
        () => `${JSON.stringify(before)} is held, not ${JSON.stringify(held())}`,
      );
    });
  }
});

/** A thread that releases the list of this one at its end. */
async function endAnotherThread(address: number, more: string): Promise<void> {
  const code = `
    import { disarmAtFailure, releaseAtEnd } from "${ffi}end_of_thread.ts";
    import { openLibc } from "${ffi}libc.ts";
    const libc = openLibc();
    releaseAtEnd(libc, ${address});
    ${more}
    self.postMessage(libc.c.gettid());`;
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  const thread = await new Promise<number>((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = reject;
  });
  worker.terminate();
  const path = `/proc/self/task/${thread}`;
  const hasEnded = () => Deno.stat(path).then(() => false, () => true);
  await until(hasEnded, () => `thread ${thread} has ended`);
}

Deno.test("a list is released with another thread, unless its own thread closes everything", async (t) => {
  const plain = openLibc();
  const open = () => {
    const holdings = new EndOfThread(plain);
    const libc = openLibc(holdings);
    const fd = createSharedMemory(plain, "rfaas-end", 4096, { folder: "/nowhere" });
    const memory = MappedMemory.map(libc, fd, 4096);
    plain.c.close(fd);
    return { holdings, libc, memory };
  };
  await t.step("released", async () => {
    const { holdings, libc } = open();
    assertEquals(countMappings(), 1);
    await endAnotherThread(holdings.address, "");
    assertEquals(countMappings(), 0);
    libc.close();
  });
  for (const failure of [false, true]) {
    await t.step(failure ? "`disarmAtFailure()`" : "`disarm()`", async () => {
      const { holdings, libc, memory } = open();
      if (!failure) holdings.disarm();
      await endAnotherThread(
        holdings.address,
        failure ? `disarmAtFailure(libc, ${holdings.address});` : "",
      );
      assertEquals(new Uint8Array(memory.buffer(0, 1)), Uint8Array.of(0));
      libc.holdings!.eventfd(-1);
      libc.holdings!.forget(-1);
      memory.close();
      assertEquals(countMappings(), 0);
      libc.close();
    });
  }
  plain.close();
});

Deno.test("the code for the end of a thread is the assembler's", () => {
  const x86_64 =
    "4c8b07 4d01c0 4c8d4f20 4989fa 4d85c0 741a 498b01 498b7908 498b7110 498b5118 0f05 " +
    "4983c120 49ffc8 ebe1 498dba0000ffff be00001100 41ff6208";
  const aarch64 =
    "090040f9 2901098b 0a800091 eb0300aa e90000b4 480140a9 410941a9 010000d4 4a810091 " +
    "290500d1 faffff17 604140d1 0102a052 21404091 620540f9 40001fd6";
  for (const [arch, text] of [["x86_64", x86_64], ["aarch64", aarch64]] as const) {
    assertEquals(RELEASE_CODE[arch].toHex(), text.replaceAll(" ", ""), arch);
  }
});
