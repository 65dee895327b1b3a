/** `deno bench bench/deno/wire_bench.ts`: writes and reads of headers and immediates, 1,000 per iteration. */

import { checkAttach, encodeAttach } from "../../runtime/protocol/attach.ts";
import {
  CallStatus,
  HEADER_BYTES,
  replyHasSequence,
  replyImmediate,
  replyStatus,
  REQUEST_CAPACITY,
  REQUEST_LENGTH,
  REQUEST_SEQUENCE,
  REQUEST_TIME_LEFT,
  requestFunction,
  requestHasSequence,
  requestImmediate,
  shortReply,
  shortRequest,
  timeLeftOf,
} from "../../runtime/protocol/wire.ts";

const MANY = 1000;
const header = new Int32Array(HEADER_BYTES / 4);
const immediates = Int32Array.from({ length: 64 }, (_, i) => requestImmediate(i, i));
/** Keeps V8 from removing the computations. */
let kept = 0;

Deno.bench("request: header and immediate written", { group: "request", baseline: true }, () => {
  for (let i = 0; i < MANY; i++) {
    header[REQUEST_SEQUENCE] = i;
    header[REQUEST_LENGTH] = 64;
    header[REQUEST_TIME_LEFT] = 0;
    header[REQUEST_CAPACITY] = 64;
    kept += requestImmediate(i & 15, 3);
  }
});

Deno.bench("request: header and immediate read", { group: "request" }, () => {
  for (let i = 0; i < MANY; i++) {
    const immediate = immediates[i & 63]!;
    kept += (immediate & 255) + requestFunction(immediate) + header[REQUEST_SEQUENCE]! +
      header[REQUEST_LENGTH]! + header[REQUEST_TIME_LEFT]! + header[REQUEST_CAPACITY]!;
  }
});

Deno.bench("short request: written and read", { group: "request" }, () => {
  for (let i = 0; i < MANY; i++) {
    const immediate = shortRequest(immediates[i & 63]!, i);
    if (requestHasSequence(immediate, i)) kept += requestFunction(immediate);
  }
});

Deno.bench("reply: written and read", { group: "reply", baseline: true }, () => {
  for (let i = 0; i < MANY; i++) kept += replyStatus(replyImmediate(i & 15, CallStatus.OK));
});

Deno.bench("short reply: written and read", { group: "reply" }, () => {
  for (let i = 0; i < MANY; i++) {
    const immediate = shortReply(replyImmediate(i & 15, CallStatus.OK), i);
    if (replyHasSequence(immediate, i)) kept += replyStatus(immediate);
  }
});

Deno.bench("time left, from milliseconds", { group: "others", baseline: true }, () => {
  for (let i = 0; i < MANY; i++) kept += timeLeftOf(i);
});

const secret = crypto.getRandomValues(new Uint8Array(16));
Deno.bench("attach: written and checked", { group: "others" }, () => {
  for (let i = 0; i < MANY; i++) kept += checkAttach(encodeAttach(0, secret), 0, secret);
});
