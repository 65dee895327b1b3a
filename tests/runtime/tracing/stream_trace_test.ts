/** The trace of a call with many results, as its function reads it. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Lease } from "../../../mod.ts";
import { formatTraceparent } from "../../../runtime/tracing/trace_context.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { TestSdk } from "../../support/tracing/test_sdk.ts";
import { until } from "../../support/waiting.ts";

const none = new Uint8Array();

/** Both generators return their trace as each chunk, and keep that of their end. */
const functions = packageOf(`
  const write = (text, output) => new TextEncoder().encodeInto(text ?? "none", output).written;
  let kept, atEnd;
  export function* chunks(_, output, context) {
    kept = context;
    try {
      for (;;) yield write(context.traceparent, output);
    } finally { atEnd = context.traceparent ?? "no trace"; }
  }
  export async function* chunksLater(_, output, context) {
    kept = context;
    try {
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve));
        yield write(context.traceparent, output);
      }
    } finally {
      await new Promise((resolve) => setTimeout(resolve));
      atEnd = context.traceparent ?? "no trace";
    }
  }
  export const end = (_, output) => {
    const text = atEnd;
    atEnd = undefined;
    return write(text, output);
  };
  export const after = (_, output) => write(kept.traceparent, output);
`);

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function atEnd(lease: Lease): Promise<string> {
  let seen = "none";
  await until(async () => {
    seen = text(await lease.invoke("end", none));
    return seen !== "none";
  }, () => "the generator has ended");
  return seen;
}

Deno.test("each chunk of a stream and the end of its generator have the trace of the stream", async (t) => {
  let spans = 0;
  using sdk = new TestSdk(() => ({
    traceId: "a".repeat(32),
    spanId: `${++spans}`.padStart(16, "0"),
    traceFlags: 1,
  }));
  await using held = await startLease({ functions, depth: 2, traceRate: 1 });
  const { lease } = held;
  for (const name of ["chunks", "chunksLater"]) {
    await t.step(`\`${name}()\`, ended with the loop`, async () => {
      const seen: string[] = [];
      for await (const chunk of lease.stream(name, none)) if (seen.push(text(chunk)) === 3) break;
      const traceparent = formatTraceparent(sdk.named(name).at(-1)!.spanContext());
      assertMatch(traceparent, /^00-a{32}-\d{16}-01$/);
      assertEquals(seen, Array(3).fill(traceparent));
      assertEquals(await atEnd(lease), traceparent);
    });

    await t.step(`\`${name}()\`, given up between two chunks`, async () => {
      const giveUp = new AbortController();
      const stream = lease.stream(name, none, { signal: giveUp.signal });
      await stream.next();
      const second = text((await stream.next()).value!);
      giveUp.abort(new Error("enough"));
      await assertRejects(() => stream.next(), Error, "enough");
      assertEquals(await atEnd(lease), second);
    });
  }

  await t.step("a context that is kept shows none after the end", async () => {
    for await (const _ of lease.stream("chunks", none)) break;
    sdk[Symbol.dispose](); // so that no call writes another trace to the slot
    assertEquals(text(await lease.invoke("after", none)), "none");
  });
});
