/** Reads of the members of the library's objects. */

import type { Libc } from "../libc.ts";
import type { CMemory } from "./c_memory.ts";
import type {
  CmId,
  CompletionChannel,
  Context,
  EventChannel,
  MemoryRegion,
  QueuePair,
} from "./handles.ts";
import { CM_ID, COMP_CHANNEL, CONTEXT, EVENT_CHANNEL, MR } from "./layout.ts";
import { type SocketAddress, socketAddressOf } from "./socket_address.ts";

const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;

/**
 * Checks the result of a call.
 *
 * @param what completes "Cannot …".
 * @throws {ErrnoError} when it is null.
 */
export function check<T extends Deno.PointerObject>(libc: Libc, result: T | null, what: string): T {
  if (result === null) throw libc.fail(what);
  return result;
}

/** The keys of registered memory. */
export interface MemoryKeys {
  readonly lkey: number;
  readonly rkey: number;
}

/** The keys of a memory region. */
export function memoryRegionKeys(c: CMemory, region: MemoryRegion): MemoryKeys {
  const view = read(c, region, MR.bytes);
  return { lkey: view.getUint32(MR.lkey, true), rkey: view.getUint32(MR.rkey, true) };
}

/** The descriptor that is readable while a completion event waits. */
export function channelFd(c: CMemory, channel: CompletionChannel): number {
  return read(c, channel, COMP_CHANNEL.bytes).getInt32(COMP_CHANNEL.fd, true);
}

/** The descriptor that is readable while a connection event waits. */
export function eventChannelFd(c: CMemory, channel: EventChannel): number {
  return read(c, channel, EVENT_CHANNEL.bytes).getInt32(EVENT_CHANNEL.fd, true);
}

/** The descriptor that is readable while a device event waits. */
export function asyncFd(c: CMemory, context: Context): number {
  return read(c, context, CONTEXT.bytes).getInt32(CONTEXT.async_fd, true);
}

/** The device of an id; null before its address is resolved, and for a listener on all addresses. */
export function idContext(c: CMemory, id: CmId): Context | null {
  return c.pointerTo(read(c, id, CM_ID.bytes).getBigUint64(CM_ID.verbs, true));
}

/** The queue pair of an id; null before rdma_create_qp. */
export function idQueuePair(c: CMemory, id: CmId): QueuePair | null {
  return c.pointerTo(read(c, id, CM_ID.bytes).getBigUint64(CM_ID.qp, true));
}

/** The device's port of an id, from 1; 0 before its address is resolved. */
export function idPort(c: CMemory, id: CmId): number {
  return read(c, id, CM_ID.bytes).getUint8(CM_ID.port_num);
}

/**
 * The local address of an id.
 *
 * @throws {Error} when it has none.
 */
export function idLocalAddress(c: CMemory, id: CmId): SocketAddress {
  return socketAddressOf(c.bytesAt(id, CM_ID.bytes).subarray(CM_ID.src_addr));
}

/**
 * Makes calls on a descriptor fail with EAGAIN where they would block.
 *
 * @throws {ErrnoError} when the descriptor is closed.
 */
export function makeNonBlocking(libc: Libc, fd: number): void {
  const flags = libc.c.fcntl(fd, F_GETFL, 0);
  if (flags < 0 || libc.c.fcntl(fd, F_SETFL, flags | O_NONBLOCK) !== 0) {
    throw libc.fail(`make descriptor ${fd} nonblocking`);
  }
}

function read(c: CMemory, pointer: Deno.PointerObject, length: number): DataView<ArrayBuffer> {
  return new DataView(c.bytesAt(pointer, length).buffer);
}
