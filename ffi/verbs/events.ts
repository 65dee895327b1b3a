/** Events of connections, completion queues and devices, taken from nonblocking descriptors. */

import { EAGAIN, EINTR } from "../errno.ts";
import { CM_EVENT_TYPE } from "./constants.ts";
import type { CmEvent, CmId, CompletionChannel, CompletionQueue, Context } from "./handles.ts";
import type { EventChannel } from "./handles.ts";
import { ASYNC_EVENT, CM_EVENT } from "./layout.ts";
import type { Verbs } from "./open_verbs.ts";

/** The name of a connection event. */
export type CmEventName = keyof typeof CM_EVENT_TYPE;
const CM_EVENT_NAMES = Object.keys(CM_EVENT_TYPE) as CmEventName[];

/** A copy of a connection event. */
export interface TakenCmEvent {
  readonly name: CmEventName;
  /** 0, a negative error number, or, for REJECTED, the reason from the peer's connection manager. */
  readonly status: number;
  /** The connection. That of a CONNECT_REQUEST is new, and the receiver of the event must destroy it. */
  readonly id: CmId;
  /** Identifies the connection: its address stays the same. */
  readonly idAddress: bigint;
  /** Identifies the listener of a CONNECT_REQUEST likewise. */
  readonly listenAddress: bigint;
  /** The peer's private data; the transport pads it with zeros (InfiniBand: a request has 56 bytes). */
  readonly privateData: Uint8Array<ArrayBuffer>;
  /** The peer's limit, which bounds that of the answer. */
  readonly responderResources: number;
  /** The peer's limit, which bounds that of the answer. */
  readonly initiatorDepth: number;
}

/**
 * Takes and acknowledges the next connection event. An id cannot be destroyed before all its events are acknowledged.
 *
 * @returns `undefined` when none waits.
 * @throws {ErrnoError} when the channel has failed.
 * @throws {Error} for an event of unknown type.
 */
export function takeCmEvent(verbs: Verbs, channel: EventChannel): TakenCmEvent | undefined {
  const out = new BigUint64Array(1);
  if (verbs.rdma.rdma_get_cm_event(channel, out) !== 0) {
    return noEvent(verbs, "take an event of the connection manager");
  }
  const event = verbs.memory.pointerTo<CmEvent>(out[0]!)!;
  try {
    return copyCmEvent(verbs, event);
  } finally {
    verbs.rdma.rdma_ack_cm_event(event);
  }
}

function copyCmEvent({ memory }: Verbs, event: CmEvent): TakenCmEvent {
  const view = new DataView(memory.bytesAt(event, CM_EVENT.bytes).buffer);
  const idAddress = view.getBigUint64(CM_EVENT.id, true);
  const data = memory.pointerTo(view.getBigUint64(CM_EVENT.private_data, true));
  const length = data === null ? 0 : view.getUint8(CM_EVENT.private_data_len);
  const type = view.getInt32(CM_EVENT.event, true);
  const name = CM_EVENT_NAMES[type];
  if (name === undefined) {
    throw new Error(`Cannot handle a connection event: its type ${type} is unknown`);
  }
  return {
    name,
    status: view.getInt32(CM_EVENT.status, true),
    id: memory.pointerTo<CmId>(idAddress)!,
    idAddress,
    listenAddress: view.getBigUint64(CM_EVENT.listen_id, true),
    privateData: data === null ? new Uint8Array() : memory.bytesAt(data, length),
    responderResources: view.getUint8(CM_EVENT.responder_resources),
    initiatorDepth: view.getUint8(CM_EVENT.initiator_depth),
  };
}

/**
 * Takes the next completion event. Each must be acknowledged by `ibv_ack_cq_events` before its queue is destroyed.
 *
 * @returns its completion queue; `undefined` when none waits.
 * @throws {ErrnoError} when the channel has failed.
 */
export function takeCqEvent(
  verbs: Verbs,
  channel: CompletionChannel,
): { queue: CompletionQueue; queueAddress: bigint } | undefined {
  const queue = new BigUint64Array(1);
  if (verbs.ibv.ibv_get_cq_event(channel, queue, new BigUint64Array(1)) !== 0) {
    return noEvent(verbs, "take a completion event");
  }
  const queueAddress = queue[0]!;
  return { queue: verbs.memory.pointerTo<CompletionQueue>(queueAddress)!, queueAddress };
}

/** A copy of a device event. */
export interface TakenAsyncEvent {
  /** A value of {@linkcode ASYNC_EVENT_TYPE}. */
  readonly type: number;
  /** Its text in English. */
  readonly text: string;
  /** The address of the queue pair or completion queue, or the port's number. */
  readonly element: bigint;
}

/**
 * Takes and acknowledges the next device event.
 *
 * @returns `undefined` when none waits.
 * @throws {ErrnoError} when the device has failed.
 */
export function takeAsyncEvent(verbs: Verbs, context: Context): TakenAsyncEvent | undefined {
  const event = new Uint8Array(ASYNC_EVENT.bytes);
  if (verbs.ibv.ibv_get_async_event(context, event) !== 0) {
    return noEvent(verbs, "take an event of the RDMA device");
  }
  const view = new DataView(event.buffer);
  const type = view.getInt32(ASYNC_EVENT.event_type, true);
  const taken = {
    type,
    text: verbs.memory.textAt(verbs.ibv.ibv_event_type_str(type)),
    element: view.getBigUint64(ASYNC_EVENT.element, true),
  };
  verbs.ibv.ibv_ack_async_event(event);
  return taken;
}

function noEvent(verbs: Verbs, what: string): undefined {
  const errno = verbs.libc.errno();
  if (errno !== EAGAIN && errno !== EINTR) throw verbs.libc.fail(what);
}
