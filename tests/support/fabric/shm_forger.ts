/** A shm peer that completes a valid handshake and then writes arbitrary words. */

import { openLibc } from "../../../ffi/libc.ts";
import { closeUnix, connectUnix } from "../../../ffi/sockets/unix_socket.ts";
import type { Connection, ConnectionOptions } from "../../../fabric/fabric.ts";
import {
  ACCEPT,
  HELLO,
  receiveIntroduction,
  sendIntroduction,
} from "../../../fabric/shm/handshake.ts";
import { ENTRY_WORDS, ringStart } from "../../../fabric/shm/layout.ts";
import { closeDescriptors, createEnd, mapPeerEnd } from "../../../fabric/shm/memory.ts";
import { openShm } from "../../../fabric/shm/provider.ts";
import { eventually } from "../descriptors.ts";

/** A connection whose peer is forged. */
export interface Forged extends AsyncDisposable {
  /** The end that is not forged. */
  readonly victim: Connection;
  /** The victim's control block, writable. */
  readonly words: Int32Array;
  /** The index of its ring, in words, and the ring's number of entries. */
  readonly start: number;
  readonly entries: number;
  /** Writes one entry of the ring: sequence, kind, bytes, immediate. */
  entry(index: number, ...values: [number, number, number, number]): void;
}

/** Connects a forged peer. */
export async function forge(options: Partial<ConnectionOptions> = {}): Promise<Forged> {
  const provider = openShm();
  const libc = openLibc();
  const listener = await provider.listen();
  const fd = connectUnix(libc, `rfaas/${listener.address.slice("shm:".length)}`);
  const { memory, descriptors } = createEnd(libc, 4096, 16, 0);
  const hello = { entries: 16, firstSequence: 0, arenaBytes: 4096, privateData: new Uint8Array() };
  sendIntroduction(libc, fd, { kind: HELLO, ...hello }, descriptors);
  closeDescriptors(libc, descriptors);
  const victim = await (await listener.accept())!.accept({
    arenaBytes: 4096,
    receiveDepth: 16,
    ...options,
  });
  let peer: ReturnType<typeof receiveIntroduction>;
  await eventually(
    () => (peer = receiveIntroduction(libc, fd, ACCEPT)) !== undefined,
    () => "no accept arrived",
  );
  const theirs = mapPeerEnd(libc, peer!.descriptors!, peer!.arenaBytes, peer!.entries);
  closeDescriptors(libc, peer!.descriptors!);
  listener.close();
  const words = new Int32Array(theirs.control.buffer(0, theirs.control.length));
  const start = ringStart(peer!.entries);
  return {
    victim,
    words,
    start,
    entries: peer!.entries,
    entry(index, sequence, ...rest) {
      words.set(rest, start + index * ENTRY_WORDS + 1);
      Atomics.store(words, start + index * ENTRY_WORDS, sequence);
    },
    async [Symbol.asyncDispose]() {
      victim.close();
      for (const end of [memory, theirs]) {
        end.arena.close();
        end.control.close();
      }
      closeUnix(libc, fd);
      provider.close();
      await provider.closed;
      libc.close();
    },
  };
}
