/**
 * The form of a call in memory. docs/protocol.md tells it in full; this file is its only home in code.
 *
 * A slot is a header of 16 bytes right before a payload that is aligned to 64. The argument slot lies in the worker's
 * arena, the result slot in the client's. All numbers are little endian, 32 bits.
 *
 * Most calls travel without their header, in the short form: over a network a payload that fills its packets would
 * need one packet more for 16 bytes, and in shared memory a header is a cache line that moves from core to core, 50 ns
 * and more each way. Then the message's length is the payload's, the immediate carries the low bits of the sequence
 * number, and a request's time and room are those of the slot's last one.
 */

/** Raised with every change that an older peer would misread. */
export const WIRE_VERSION = 2;
/** Feature bits of the handshake; none is defined yet, and unknown ones are refused. */
export const FEATURES = 0;

/** Where the payload begins in its slot; the header ends there. */
export const PAYLOAD_AT = 64;
export const HEADER_BYTES = 16;
export const HEADER_AT = PAYLOAD_AT - HEADER_BYTES;

/**
 * Right before a request's header: the sequence number of the call that the client has given up. It is written alone, by
 * a write that nobody is told of, and read by functions that asked to know.
 */
export const GIVEN_UP_AT = HEADER_AT - 4;

/** Words of a request's header. */
export const REQUEST_SEQUENCE = 0;
export const REQUEST_LENGTH = 1;
/** Microseconds that the call may still take, counted from its arrival; 0 is no limit but the lease's. */
export const REQUEST_TIME_LEFT_US = 2;
/** Bytes that the caller has room for. */
export const REQUEST_CAPACITY = 3;

/** Words of a reply's header. */
export const REPLY_SEQUENCE = 0;
export const REPLY_LENGTH = 1;

/** How a call ended: bits 8 to 14 of a reply's immediate. Other values are reserved. */
export const CallStatus = {
  OK: 0,
  /** The function threw, or broke its contract; the payload holds name, message and stack, parted by zero bytes. */
  THREW: 1,
  UNKNOWN_FUNCTION: 2,
  /** The result does not fit; the header's length says how long it is. */
  RESULT_TOO_LARGE: 3,
  BUSY: 4,
  DRAINING: 5,
  LIMIT: 6,
  LEASE_OVER: 7,
  /** A field of the request makes no sense; nothing ran. */
  BAD_REQUEST: 8,
  /** A chunk of a stream; the next one is there to be asked for. */
  MORE: 9,
} as const;

/** Slots a worker may have: the slot's number has 8 bits. */
export const MAX_DEPTH = 256;
/** Functions a package may have: the function's number has 16 bits, and the last few are no functions. */
export const MAX_FUNCTIONS = 65_520;
const FUNCTION_MASK = 0xffff;
/** In place of a function's number: the next chunk of the stream in this slot. */
export const NEXT_CHUNK = 0xffff;
/** In place of a function's number: the stream in this slot is to end. */
export const END_STREAM = 0xfffe;
/** The largest argument or result: lengths stay small integers in every engine. */
export const MAX_SLOT_BYTES = 2 ** 30 - PAYLOAD_AT;
/** The smallest slot, so that an error's text finds room. */
const MIN_SLOT_BYTES = 1024;

/** Bytes of the area for messages (attach and ready, JSON) in each direction, at the beginning of both arenas. */
export const MESSAGE_BYTES = 128 * 1024;
const RECEIVE_AT = 0;
const SEND_AT = MESSAGE_BYTES;
const SLOTS_AT = 2 * MESSAGE_BYTES;

/** Says that the message is the payload alone: the topmost bit of a request's immediate, the 15th of a reply's. */
export const SHORT_REQUEST = -0x80000000;
export const SHORT_REPLY = 0x8000;
/** What of the sequence number a short request and a short reply carry. */
const REQUEST_SEQUENCE_MASK = 0x7f;
const REPLY_SEQUENCE_MASK = 0xffff;

/** The immediate of a request: slot, function. Bits 24 to 31 are zero. */
export function requestImmediate(slot: number, functionIndex: number): number {
  return slot | (functionIndex << 8);
}

/** The immediate of a short request, with 7 bits of its sequence number from bit 24 on. */
export function shortRequest(immediate: number, sequence: number): number {
  return immediate | ((sequence & REQUEST_SEQUENCE_MASK) << 24) | SHORT_REQUEST;
}

/** Is a short request's immediate one with this sequence number? */
export function requestHasSequence(immediate: number, sequence: number): boolean {
  return ((immediate >>> 24) & REQUEST_SEQUENCE_MASK) === (sequence & REQUEST_SEQUENCE_MASK);
}

/** The function that a request names. */
export function requestFunction(immediate: number): number {
  return (immediate >>> 8) & FUNCTION_MASK;
}

/** The immediate of a reply: slot, status. Bits 15 to 31 are zero. */
export function replyImmediate(slot: number, status: number): number {
  return slot | (status << 8);
}

/** How a reply says that its call ended. */
export function replyStatus(immediate: number): number {
  return (immediate >>> 8) & 0x7f;
}

/** The immediate of a short reply, with 16 bits of its sequence number from bit 16 on. */
export function shortReply(immediate: number, sequence: number): number {
  return immediate | SHORT_REPLY | (sequence << 16);
}

/** Is a short reply's immediate one with this sequence number? */
export function replyHasSequence(immediate: number, sequence: number): boolean {
  return immediate >>> 16 === (sequence & REPLY_SEQUENCE_MASK);
}

/** The longest time that a request can name, in milliseconds: 31 bits of microseconds, some 35 minutes. */
const MAX_TIME_LEFT_MS = 0x7fffffff / 1000;

/**
 * A time limit as the header has it. At least 1, since 0 is none; a longer one than can be named is watched by the
 * client alone.
 */
export function timeLeftUs(ms: number): number {
  return ms > MAX_TIME_LEFT_MS ? 0 : Math.max(1, Math.round(ms * 1000));
}

/** Where things lie in both arenas of a worker's connection. */
export interface ArenaLayout {
  readonly receiveAt: number;
  readonly sendAt: number;
  /** The slots that the peer writes: arguments at the worker, results at the client. */
  readonly inboundAt: number;
  /** The slots that are sent from where memory is not shared. */
  readonly outboundAt: number;
  /** Bytes from one slot to the next. */
  readonly stride: number;
  /** Bytes of all inbound slots. */
  readonly slotsBytes: number;
  readonly arenaBytes: number;
}

/** The layout for a lease's `depth` and `maxBytes`. */
export function arenaLayout(depth: number, maxBytes: number): ArenaLayout {
  const stride = PAYLOAD_AT + Math.ceil(Math.max(maxBytes, MIN_SLOT_BYTES) / 64) * 64;
  const slotsBytes = depth * stride;
  return {
    receiveAt: RECEIVE_AT,
    sendAt: SEND_AT,
    inboundAt: SLOTS_AT,
    outboundAt: SLOTS_AT + slotsBytes,
    stride,
    slotsBytes,
    arenaBytes: SLOTS_AT + 2 * slotsBytes,
  };
}

/**
 * Receives that an end keeps posted: more than twice the messages that can be on their way, so that half of them can
 * be used up before new ones are posted. Each posting moves a cache line between two cores; at least 64 make it rare.
 */
export function receivesFor(depth: number): number {
  return Math.max(64, 2 * depth);
}

/** Receives that are posted anew at a time. */
export function repostEvery(depth: number): number {
  return receivesFor(depth) / 2;
}
