/** What the library's objects say of themselves: reads of their structures, copied out. */

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

/** What a call gave, unless it gave null: then the error in errno; `what` completes "Cannot …". */
export function check<T extends Deno.PointerObject>(libc: Libc, made: T | null, what: string): T {
  if (made === null) throw libc.fail(what);
  return made;
}

/** Keys of registered memory. */
export interface MemoryKeys {
  readonly lkey: number;
  readonly rkey: number;
}

/** The keys of a memory region. */
export function memoryRegionKeys(c: CMemory, region: MemoryRegion): MemoryKeys {
  const view = read(c, region, MR.bytes);
  return { lkey: view.getUint32(MR.lkey, true), rkey: view.getUint32(MR.rkey, true) };
}

/** The descriptor that a completion event makes readable. */
export function channelFd(c: CMemory, channel: CompletionChannel): number {
  return read(c, channel, COMP_CHANNEL.bytes).getInt32(COMP_CHANNEL.fd, true);
}

/** The descriptor that an event of connections makes readable. */
export function eventChannelFd(c: CMemory, channel: EventChannel): number {
  return read(c, channel, EVENT_CHANNEL.bytes).getInt32(EVENT_CHANNEL.fd, true);
}

/** The descriptor that an event of the device makes readable. */
export function asyncFd(c: CMemory, context: Context): number {
  return read(c, context, CONTEXT.bytes).getInt32(CONTEXT.async_fd, true);
}

/** The device of a connection; null before its address is resolved, and while one listens on all addresses. */
export function idContext(c: CMemory, id: CmId): Context | null {
  return c.pointerTo(read(c, id, CM_ID.bytes).getBigUint64(CM_ID.verbs, true));
}

/** The queue pair of a connection; null before rdma_create_qp. */
export function idQueuePair(c: CMemory, id: CmId): QueuePair | null {
  return c.pointerTo(read(c, id, CM_ID.bytes).getBigUint64(CM_ID.qp, true));
}

/** The device's port of a connection, from 1; 0 before its address is resolved. */
export function idPort(c: CMemory, id: CmId): number {
  return read(c, id, CM_ID.bytes).getUint8(CM_ID.port_num);
}

/** Own address of a connection or listener. */
export function idLocalAddress(c: CMemory, id: CmId): SocketAddress {
  return socketAddressOf(c.bytesAt(id, CM_ID.bytes).subarray(CM_ID.src_addr));
}

/** Lets calls on a descriptor return with EAGAIN where they would wait. */
export function makeNonBlocking(libc: Libc, fd: number): void {
  const flags = libc.c.fcntl(fd, F_GETFL, 0);
  if (flags < 0 || libc.c.fcntl(fd, F_SETFL, flags | O_NONBLOCK) !== 0) {
    throw libc.fail(`make descriptor ${fd} non-blocking`);
  }
}

function read(c: CMemory, pointer: Deno.PointerObject, length: number): DataView<ArrayBuffer> {
  return new DataView(c.bytesAt(pointer, length).buffer);
}
