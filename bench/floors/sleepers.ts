/**
 * The lower bound for two Deno processes that sleep: a byte over a Unix socket wakes the other process in poll(2). The
 * call blocks in the process that stands for the worker, and not in the client, which has an event loop.
 *
 * @module
 */
import { openLibc } from "../../ffi/libc.ts";
import { MappedMemory } from "../../ffi/mapped_memory.ts";
import { createSharedMemory } from "../../ffi/shared_memory.ts";
import { acceptUnix, closeUnix, listenUnix } from "../../ffi/sockets/unix_socket.ts";
import { Child } from "../child.ts";

/** Requests to the peer: a response as a word in memory, or as a byte after so many milliseconds. */
export const BY_WORD = 0xff;
const BY_BYTE = 0;
/** Bytes of the shared memory. */
export const PAGE = 4096;

const POLLIN = 1;
/** How long one process waits for the other. */
const PEER_TIMEOUT_MS = 5000;
const NO_SIGNAL = 0x4000;

/** Returns the struct pollfd of a descriptor, for input. */
export function pollfd(fd: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, fd, true);
  view.setInt16(4, POLLIN, true);
  return bytes;
}

/** The client. */
export interface Sleepers extends AsyncDisposable {
  /** Wakes the worker and spins until its response. */
  spinning(): void;
  /** Requests a response after `ms` milliseconds of work, and sleeps on the event loop until it arrives. */
  sleeping(ms: number): Promise<void>;
}

export async function openSleepers(): Promise<Sleepers> {
  const cleanUp = new AsyncDisposableStack();
  try {
    const libc = openLibc();
    cleanUp.defer(() => libc.close());
    const memoryFd = createSharedMemory(libc, "rfaas-sleepers", PAGE, {
      folder: `/dev/shm/rfaas-sleepers-${Deno.pid}`,
    });
    cleanUp.defer(() => void libc.c.close(memoryFd));
    const memory = cleanUp.use(MappedMemory.map(libc, memoryFd, PAGE));
    const words = new Int32Array(memory.buffer(0, PAGE));
    const name = `rfaas/bench-${crypto.randomUUID()}`;
    const listener = listenUnix(libc, name, 1);
    cleanUp.defer(() => closeUnix(libc, listener));
    cleanUp.use(
      await Child.deno(
        new URL("./sleepers_peer.ts", import.meta.url),
        name,
        `${Deno.pid}`,
        `${memoryFd}`,
      ),
    );
    const fd = acceptUnix(libc, listener); // the peer connects before it is ready
    if (fd < 0) throw new Error("Cannot measure wake-ups: the other process did not connect");
    cleanUp.defer(() => closeUnix(libc, fd));
    const waiting = cleanUp.use(MappedMemory.allocate(libc, PAGE));
    new Uint8Array(waiting.buffer(0, PAGE)).set(pollfd(fd));
    const byte = new Uint8Array(1);
    const send = (request: number) => {
      byte[0] = request;
      if (libc.c.send(fd, byte, 1n, NO_SIGNAL) !== 1n) throw libc.fail("wake the other process");
    };
    let round = 0;
    return {
      spinning() {
        send(BY_WORD);
        round++;
        const sinceMs = performance.now();
        for (let polls = 1; Atomics.load(words, 0) !== round; polls++) {
          if (polls % 4096 === 0 && performance.now() - sinceMs > PEER_TIMEOUT_MS) {
            throw new Error("Cannot measure wake-ups: no response from the other process");
          }
        }
      },
      async sleeping(ms) {
        send(BY_BYTE + ms);
        if (await libc.c.pollAside(waiting.pointer, 1n, PEER_TIMEOUT_MS) !== 1) {
          throw new Error("Cannot measure wake-ups: no response from the other process");
        }
        libc.c.recv(fd, byte, 1n, 0);
      },
      [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
    };
  } catch (error) {
    await cleanUp.disposeAsync();
    throw error;
  }
}
