/**
 * A line: how a request or a reply is signaled between ends that share memory. docs/protocol.md specifies it; this file is
 * its only home in code.
 *
 * Each slot has a request line in the worker's arena and a reply line in the client's, each of two cache lines. The sender
 * stores the sequence number last, and the receiver polls it. So one cache line moves from core to core for a payload of up
 * to 48 bytes, and the two that lie together for one that fits into the line. A larger payload is in the slot.
 */

import { LINE_BYTES } from "./wire.ts";

/** Words of a line, of 32 bits. */
export const LINE_WORDS = LINE_BYTES / 4;
/** The sequence number of the call. */
export const LINE_SEQUENCE = 0;
/** In a request: the function's number, and {@linkcode INLINE}. In a reply: the status. */
export const LINE_HEAD = 1;
/** The bytes of the payload; in a reply `RESULT_TOO_LARGE`, those of the result. */
export const LINE_LENGTH = 2;
/** In a request: its place in the order of all requests of the connection, from 1, modulo 2^32. */
export const LINE_ORDER = 3;
/** Where the payload begins that fits into a line, in bytes. */
export const INLINE_AT = 16;
/** The longest payload that does. */
export const INLINE_BYTES = LINE_BYTES - INLINE_AT;

/** In the head of a request: the argument is in the line. */
export const INLINE = 0x10000;
/** The bits of a request's head that may be set. */
export const HEAD_MASK = 0x1ffff;
