/**
 * The best that two Deno processes reach which sleep: a byte over a Unix socket that wakes the other out of poll(2),
 * blocking in the worker's place and nonblocking in the client's, since that has an event loop.
 *
 * @module
 */
import { openLibc } from "../ffi/libc.ts";
import { MappedMemory } from "../ffi/mapped_memory.ts";
import { createSharedMemory } from "../ffi/shared_memory.ts";
import { acceptUnix, closeUnix, listenUnix } from "../ffi/unix_socket.ts";
import { Child } from "./child.ts";

/** What the peer is asked for: answer by a word in memory, by a byte, or by a byte after so many milliseconds. */
export const BY_WORD = 0xff;
const BY_BYTE = 0;
/** Bytes of the memory that both see. */
export const PAGE = 4096;

const POLLIN = 1;
/** How long one end waits for the other. */
const PATIENCE_MS = 5000;
const NO_SIGNAL = 0x4000;

/** A descriptor's struct pollfd, asked for input. */
export function pollfd(fd: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, fd, true);
  view.setInt16(4, POLLIN, true);
  return bytes;
}

/** The client's end. */
export interface Sleepers extends AsyncDisposable {
  /** Wakes the worker and spins until it has answered. */
  spinning(): void;
  /** Asks for an answer after `ms` milliseconds of work, and sleeps on the event loop until it comes. */
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
    cleanUp.use(await Child.deno("sleepers_peer.ts", name, `${Deno.pid}`, `${memoryFd}`));
    const fd = acceptUnix(libc, listener); // it has connected before it said that it is ready
    if (fd < 0) throw new Error("Cannot measure: the other process did not connect");
    cleanUp.defer(() => closeUnix(libc, fd));
    const waiting = pollfd(fd);
    const byte = new Uint8Array(1);
    const ask = (what: number) => {
      byte[0] = what;
      if (libc.c.send(fd, byte, 1n, NO_SIGNAL) !== 1n) throw libc.fail("wake the other process");
    };
    let round = 0;
    return {
      spinning() {
        ask(BY_WORD);
        round++;
        const sinceMs = performance.now();
        for (let looks = 1; Atomics.load(words, 0) !== round; looks++) {
          if (looks % 4096 === 0 && performance.now() - sinceMs > PATIENCE_MS) {
            throw new Error("Cannot measure: the other process does not answer");
          }
        }
      },
      async sleeping(ms) {
        ask(BY_BYTE + ms);
        if (await libc.c.pollAside(waiting, 1n, PATIENCE_MS) !== 1) {
          throw new Error("Cannot measure: the other process does not answer");
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
