/**
 * The trace of a call in its slot: docs/protocol.md specifies it, this file is its only home in code. A client writes it
 * before a request that has one. A worker reads it only for a function that uses it.
 */

import type { TraceContext } from "../tracing/trace_context.ts";

/** The sequence number of the call that the trace belongs to. */
const SEQUENCE = 0;
const FLAGS = 1;
const TRACE_ID = 2;
const SPAN_ID = 6;
const END = 8;

/** Where the bytes of both ids begin. */
const IDS_AT = TRACE_ID * 4;

const DIGITS = "0123456789abcdef";

/** @param words the slot's memory from TRACE_AT on. */
export function writeTrace(words: Int32Array, sequence: number, trace: TraceContext): void {
  const ids = Uint8Array.fromHex(trace.traceId + trace.spanId);
  new Uint8Array(words.buffer, words.byteOffset + IDS_AT).set(ids);
  words[FLAGS] = trace.traceFlags;
  words[SEQUENCE] = sequence;
}

/**
 * Runs after foreign code was loaded, so it calls no built-in method.
 *
 * @returns the trace as the header `traceparent` has it; undefined if the call has none.
 */
export function readTrace(words: Int32Array, sequence: number): string | undefined {
  if (words[SEQUENCE] !== sequence) return undefined;
  const traceId = hex(words, TRACE_ID, SPAN_ID);
  const spanId = hex(words, SPAN_ID, END);
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  return `00-${traceId}-${spanId}-${byteText(words[FLAGS]!)}`;
}

const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);

/** The bytes of some words in the order of memory. */
function hex(words: Int32Array, from: number, to: number): string {
  let text = "";
  for (let at = from; at < to; at++) {
    const word = words[at]!;
    text += byteText(word) + byteText(word >>> 8) + byteText(word >>> 16) + byteText(word >>> 24);
  }
  return text;
}

function byteText(byte: number): string {
  return DIGITS[(byte >>> 4) & 15]! + DIGITS[byte & 15]!;
}
