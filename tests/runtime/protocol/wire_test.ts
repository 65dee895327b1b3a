import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  arenaLayout,
  MAX_DEPTH,
  MAX_FUNCTIONS,
  replyHasSequence,
  replyImmediate,
  replyStatus,
  requestFunction,
  requestHasSequence,
  requestImmediate,
  SHORT_REPLY,
  SHORT_REQUEST,
  shortReply,
  shortRequest,
  WIRE_VERSION,
} from "../../../runtime/protocol/wire.ts";

const slots = fc.integer({ min: 0, max: MAX_DEPTH - 1 });
const functions = fc.integer({ min: 0, max: MAX_FUNCTIONS - 1 });
const statuses = fc.integer({ min: 0, max: 127 });
const sequences = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

Deno.test("a short request carries its slot, its function and the low bits of its sequence number", () => {
  const steps = fc.integer({ min: 1, max: 127 });
  fc.assert(fc.property(slots, functions, sequences, steps, (slot, index, sequence, step) => {
    const long = requestImmediate(slot, index);
    const short = shortRequest(long, sequence);
    for (const immediate of [long, short]) {
      assertEquals([immediate & (MAX_DEPTH - 1), requestFunction(immediate)], [slot, index]);
    }
    assertEquals([long & SHORT_REQUEST, short & SHORT_REQUEST], [0, SHORT_REQUEST]);
    assert(requestHasSequence(short, sequence));
    assert(!requestHasSequence(short, (sequence + step) | 0));
  }));
});

Deno.test("a short reply carries its slot, its status and the low bits of its sequence number", () => {
  const steps = fc.integer({ min: 1, max: 65_535 });
  fc.assert(fc.property(slots, statuses, sequences, steps, (slot, status, sequence, step) => {
    const long = replyImmediate(slot, status);
    const short = shortReply(long, sequence);
    for (const immediate of [long, short]) {
      assertEquals([immediate & (MAX_DEPTH - 1), replyStatus(immediate)], [slot, status]);
    }
    assertEquals([long & SHORT_REPLY, short & SHORT_REPLY], [0, SHORT_REPLY]);
    assert(replyHasSequence(short, sequence));
    assert(!replyHasSequence(short, (sequence + step) | 0));
  }));
});

Deno.test("the layout of the arenas is that of its wire version: a change needs a new version", () => {
  assertEquals([WIRE_VERSION, arenaLayout(4, 4096)], [6, {
    receiveAt: 0,
    sendAt: 131_072,
    inboundAt: 262_144,
    linesAt: 278_784,
    outboundAt: 279_296,
    stride: 4160,
    inboundBytes: 17_152,
    arenaBytes: 295_936,
  }]);
});
