/**
 * The three messages of a shm handshake: hello, accept, reject. One fixed form for all, little endian:
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | u32 | magic, "rfsm" |
 * | 4 | u16 | version |
 * | 6 | u16 | kind |
 * | 8 | u32 | entries of the sender's rings, a power of two |
 * | 12 | u32 | the number from which messages to the sender are counted (firstSequence) |
 * | 16 | f64 | bytes of the sender's arena |
 * | 24 | u32 | bytes of private data |
 * | 28 | 56 bytes | private data |
 *
 * Hello and accept carry two descriptors: arena, control block.
 */

import type { Libc } from "../../ffi/libc.ts";
import { receiveMessage, sendMessage } from "../../ffi/sockets/unix_socket.ts";
import { FabricError } from "../errors.ts";
import { MAX_PRIVATE_DATA_BYTES } from "../fabric.ts";
import { MAX_ARENA_BYTES } from "../options.ts";
import { MAX_RING_ENTRIES } from "./layout.ts";
import type { EndDescriptors } from "./memory.ts";

const MAGIC = 0x6d736672; // "rfsm"
/** Raised with every change to the handshake, the control block or the rings. */
export const HANDSHAKE_VERSION = 1;
const MESSAGE_BYTES = 84;

/** Kind of the first message, from the connecting end. */
export const HELLO = 1;
/** Kind of the answer that makes the connection. */
export const ACCEPT = 2;
/** Kind of the answer that refuses; it carries private data alone. */
export const REJECT = 3;

/** The fields with which an end introduces itself. */
export interface Introduction {
  readonly kind: number;
  readonly entries: number;
  readonly firstSequence: number;
  readonly arenaBytes: number;
  readonly privateData: Uint8Array;
}

/** A received introduction; the descriptors are the receiver's to close. */
export interface ReceivedIntroduction extends Introduction {
  readonly descriptors?: EndDescriptors;
}

/**
 * Sends an introduction; the peer gets copies of the descriptors.
 *
 * @throws {ErrnoError} when the peer has closed.
 */
export function sendIntroduction(
  libc: Libc,
  fd: number,
  introduction: Introduction,
  descriptors?: EndDescriptors,
): void {
  const view = new DataView(new ArrayBuffer(MESSAGE_BYTES));
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, HANDSHAKE_VERSION, true);
  view.setUint16(6, introduction.kind, true);
  view.setUint32(8, introduction.entries, true);
  view.setUint32(12, introduction.firstSequence, true);
  view.setFloat64(16, introduction.arenaBytes, true);
  view.setUint32(24, introduction.privateData.length, true);
  const bytes = new Uint8Array(view.buffer);
  bytes.set(introduction.privateData, 28);
  sendMessage(libc, fd, bytes, descriptors ? [descriptors.arenaFd, descriptors.controlFd] : []);
}

/**
 * Receives an introduction of the kind `expected`, or a rejection where an accept is expected. Checks every field.
 *
 * @returns `undefined` when none has arrived yet.
 * @throws {FabricError} code `peer` when a field is wrong or the peer has closed.
 */
export function receiveIntroduction(
  libc: Libc,
  fd: number,
  expected: typeof HELLO | typeof ACCEPT,
): ReceivedIntroduction | undefined {
  const message = receiveMessage(libc, fd, MESSAGE_BYTES + 1, 4);
  if (message === undefined) return undefined;
  if (message === null) {
    throw new FabricError("Cannot complete the handshake: the peer has closed", "peer");
  }
  const { payload, descriptors } = message;
  const refuse = (state: string) => {
    for (const descriptor of descriptors) libc.c.close(descriptor);
    return new FabricError(`Cannot complete the handshake: ${state}`, "peer");
  };
  if (payload.length !== MESSAGE_BYTES) {
    throw refuse(`expected a message of ${MESSAGE_BYTES} bytes, got ${payload.length}`);
  }
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  if (view.getUint32(0, true) !== MAGIC) throw refuse("the peer uses another protocol");
  const version = view.getUint16(4, true);
  if (version !== HANDSHAKE_VERSION) {
    throw refuse(`the peer uses version ${version}, this end version ${HANDSHAKE_VERSION}`);
  }
  const kind = view.getUint16(6, true);
  const entries = view.getUint32(8, true);
  const firstSequence = view.getUint32(12, true);
  const arenaBytes = view.getFloat64(16, true);
  const privateBytes = view.getUint32(24, true);
  if (privateBytes > MAX_PRIVATE_DATA_BYTES) {
    throw refuse(`the peer sent ${privateBytes} bytes of private data`);
  }
  const privateData = payload.slice(28, 28 + privateBytes);
  if (kind === REJECT && expected === ACCEPT) {
    for (const descriptor of descriptors) libc.c.close(descriptor);
    return { kind, entries: 0, firstSequence: 0, arenaBytes: 0, privateData };
  }
  if (kind !== expected) throw refuse(`expected a message of kind ${expected}, got ${kind}`);
  if (entries < 16 || entries > MAX_RING_ENTRIES || (entries & (entries - 1)) !== 0) {
    throw refuse(`the peer has a ring of ${entries} entries`);
  }
  if (!Number.isSafeInteger(arenaBytes) || arenaBytes < 1 || arenaBytes > MAX_ARENA_BYTES) {
    throw refuse(`the peer has an arena of ${arenaBytes} bytes`);
  }
  if (descriptors.length !== 2) throw refuse(`expected 2 descriptors, got ${descriptors.length}`);
  return {
    kind,
    entries,
    firstSequence,
    arenaBytes,
    privateData,
    descriptors: { arenaFd: descriptors[0]!, controlFd: descriptors[1]! },
  };
}
