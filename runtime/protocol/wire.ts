/**
 * The form of a call in memory. docs/protocol.md specifies it; this file is its only home in code.
 *
 * A slot is a header of 16 bytes right before a payload that is aligned to 64. The argument slot lies in the worker's
 * arena, the result slot in the client's. All numbers are little endian, 32 bits.
 *
 * Most calls travel without their header, in the short form: over a network a payload that fills its packets would need
 * one packet more for 16 bytes, and in shared memory a header is a cache line that moves from core to core, 50 ns and
 * more each way. Then the message's length is the payload's, the immediate carries the low bits of the sequence number,
 * and a request's time left and capacity are those of the slot's last header.
 */

/** Raised with every change that an older peer would misread. */
export const WIRE_VERSION = 6;
/** Feature bits of the handshake; none is defined, and unknown ones are refused. */
export const FEATURES = 0;

/** Where the payload begins in its slot; the header ends there. */
export const PAYLOAD_AT = 64;
export const HEADER_BYTES = 16;
export const HEADER_AT = PAYLOAD_AT - HEADER_BYTES;

/**
 * Right before a request's header: the sequence number of the call that the client has given up. It is written alone,
 * without a message, and read before a call begins, and for functions that use their abort signal.
 */
export const GIVEN_UP_AT = HEADER_AT - 4;

/**
 * Before that: the sequence number of the last call that the worker has begun, which the worker writes. In shared memory
 * the client reads it once the worker is lost: a call that had not begun did not run.
 */
export const BEGUN_AT = HEADER_AT - 8;

/** Before both: the trace of a call, see trace_words.ts. */
export const TRACE_AT = 8;
export const TRACE_BYTES = BEGUN_AT - TRACE_AT;

/** Words of a request's header. */
export const REQUEST_SEQUENCE = 0;
export const REQUEST_LENGTH = 1;
/** The time that the call may still take, counted from its arrival, in the form of {@linkcode timeLeftOf}. */
export const REQUEST_TIME_LEFT = 2;
/** Bytes of the caller's output buffer. */
export const REQUEST_CAPACITY = 3;

/** Words of a reply's header. */
export const REPLY_SEQUENCE = 0;
export const REPLY_LENGTH = 1;

/** How a call ended: bits 8 to 14 of a reply's immediate. Other values are reserved. */
export const CallStatus = {
  OK: 0,
  /** The function threw, or broke its contract; the payload holds what failure.ts describes. */
  THREW: 1,
  UNKNOWN_FUNCTION: 2,
  /** The result does not fit; the header's length is that of the result. */
  RESULT_TOO_LARGE: 3,
  BUSY: 4,
  DRAINING: 5,
  LIMIT: 6,
  LEASE_OVER: 7,
  /** A field of the request is invalid; nothing ran. */
  BAD_REQUEST: 8,
  /** A chunk of a stream; the client may request the next one. */
  MORE: 9,
  /** The client had given the call up before it began; nothing ran. */
  GIVEN_UP: 10,
} as const;

/** The most workers of one lease. */
export const MAX_LEASE_WORKERS = 1024;
/** The most slots of a worker: the slot's number has 8 bits. */
export const MAX_DEPTH = 256;
/** The most functions of a package: the function's number has 16 bits, and the last few are not functions. */
export const MAX_FUNCTIONS = 65_520;
/** The bits of a function's number. */
export const FUNCTION_MASK = 0xffff;
/** In place of a function's number: the next chunk of the stream in this slot. */
export const NEXT_CHUNK = 0xffff;
/** In place of a function's number: end the stream in this slot. */
export const END_STREAM = 0xfffe;
/** In place of a function's number: no function. Its reply, with the status UNKNOWN_FUNCTION, shows that the worker serves. */
export const NO_FUNCTION = 0xfffd;
/** The largest argument or result: lengths fit signed words of 32 bits, a slot's header included. */
export const MAX_SLOT_BYTES = 2 ** 30;
/** Bytes of a slot's line, see line.ts: two cache lines. */
export const LINE_BYTES = 128;
/** The smallest slot: it must fit an error's text. */
const MIN_SLOT_BYTES = 1024;

/** Bytes of the area for messages (attach and ready, JSON) in each direction, at the beginning of both arenas. */
export const MESSAGE_BYTES = 128 * 1024;
const RECEIVE_AT = 0;
const SEND_AT = MESSAGE_BYTES;
const SLOTS_AT = 2 * MESSAGE_BYTES;

/** Marks a message that is the payload alone: the highest bit of a request's immediate, the 15th of a reply's. */
export const SHORT_REQUEST = -0x80000000;
export const SHORT_REPLY = 0x8000;
/** The bits of the sequence number in a short request and in a short reply. */
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

/** Whether a short request's immediate has this sequence number. */
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

/** The {@linkcode CallStatus} of a reply. */
export function replyStatus(immediate: number): number {
  return (immediate >>> 8) & 0x7f;
}

/** The immediate of a short reply, with 16 bits of its sequence number from bit 16 on. */
export function shortReply(immediate: number, sequence: number): number {
  return immediate | SHORT_REPLY | (sequence << 16);
}

/** Whether a short reply's immediate has this sequence number. */
export function replyHasSequence(immediate: number, sequence: number): boolean {
  return immediate >>> 16 === (sequence & REPLY_SEQUENCE_MASK);
}

const MAX_TIME_LEFT = 0x7fffffff;

/**
 * A time limit as one word: microseconds if positive, milliseconds if negative, for those of 36 minutes and more; 0 is no
 * limit but the lease's, as are more than 24 days.
 */
export function timeLeftOf(ms: number): number {
  if (ms * 1000 <= MAX_TIME_LEFT) return Math.max(1, Math.round(ms * 1000));
  return ms <= MAX_TIME_LEFT ? -Math.ceil(ms) : 0;
}

/** Such a word in milliseconds. */
export function timeLeftMs(word: number): number {
  return word > 0 ? word / 1000 : word < 0 ? -word : Infinity;
}

/** The word of the shorter of two times. */
export function shorterTime(a: number, b: number): number {
  return timeLeftMs(a) < timeLeftMs(b) ? a : b;
}

/** The layout of both arenas of a worker's connection. */
export interface ArenaLayout {
  readonly receiveAt: number;
  readonly sendAt: number;
  /** The slots that the peer writes: arguments at the worker, results at the client. */
  readonly inboundAt: number;
  /** The slots from which messages are sent if memory is not shared. */
  readonly outboundAt: number;
  /** Bytes from one slot to the next. */
  readonly stride: number;
  /** The lines of the inbound slots, which follow them. */
  readonly linesAt: number;
  /** Bytes of all inbound slots and their lines, which the peer may write. */
  readonly inboundBytes: number;
  readonly arenaBytes: number;
}

/** The layout for a lease's `depth` and `maxBytes`. */
export function arenaLayout(depth: number, maxBytes: number): ArenaLayout {
  const stride = PAYLOAD_AT + Math.ceil(Math.max(maxBytes, MIN_SLOT_BYTES) / 64) * 64;
  const slotsBytes = depth * stride;
  const inboundBytes = slotsBytes + depth * LINE_BYTES;
  return {
    receiveAt: RECEIVE_AT,
    sendAt: SEND_AT,
    inboundAt: SLOTS_AT,
    linesAt: SLOTS_AT + slotsBytes,
    outboundAt: SLOTS_AT + inboundBytes,
    stride,
    inboundBytes,
    arenaBytes: SLOTS_AT + inboundBytes + slotsBytes,
  };
}

/**
 * Receives that an end keeps posted: at least twice the messages that can be in flight, so that half of them can be used
 * before new ones are posted. Each posting moves a cache line between two cores; at least 64 make it rare.
 */
export function receivesFor(depth: number): number {
  return Math.max(64, 2 * depth);
}

/** Receives that are posted again at a time. */
export function repostEvery(depth: number): number {
  return receivesFor(depth) / 2;
}
