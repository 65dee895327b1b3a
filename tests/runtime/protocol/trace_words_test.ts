import { assertEquals } from "@std/assert";
import { readTrace, writeTrace } from "../../../runtime/protocol/trace_words.ts";
import { BEGUN_AT, TRACE_AT, TRACE_BYTES } from "../../../runtime/protocol/wire.ts";
import { formatTraceparent } from "../../../runtime/tracing/trace_context.ts";

const TRACE = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  traceFlags: 1,
};

function words(): Int32Array {
  return new Int32Array(new ArrayBuffer(64), TRACE_AT, TRACE_BYTES / 4);
}

Deno.test("`readTrace()` returns what `writeTrace()` wrote for the same call", () => {
  for (const sequence of [1, 0, -1, 0x7fffffff]) {
    const slot = words();
    writeTrace(slot, sequence, TRACE);
    assertEquals(readTrace(slot, sequence), formatTraceparent(TRACE));
    assertEquals(readTrace(slot, (sequence + 1) | 0), undefined); // the next call, without a trace
  }
});

Deno.test("`readTrace()` returns nothing for a slot without a trace", () => {
  assertEquals(readTrace(words(), 0), undefined);
  const slot = words();
  writeTrace(slot, 1, { ...TRACE, spanId: "0".repeat(16) });
  assertEquals(readTrace(slot, 1), undefined);
});

Deno.test("`readTrace()` returns the form of a trace whatever a client wrote", () => {
  const slot = words();
  slot.fill(-1);
  assertEquals(readTrace(slot, -1), `00-${"f".repeat(32)}-${"f".repeat(16)}-ff`);
});

Deno.test("`writeTrace()` writes nothing beside its place in the slot", () => {
  const bytes = new Uint8Array(64);
  writeTrace(new Int32Array(bytes.buffer, TRACE_AT, TRACE_BYTES / 4), -1, {
    traceId: "f".repeat(32),
    spanId: "f".repeat(16),
    traceFlags: 255,
  });
  const written = [...bytes.keys()].filter((at) => bytes[at] !== 0);
  assertEquals([written.at(0), written.at(-1)], [TRACE_AT, BEGUN_AT - 1]);
});
