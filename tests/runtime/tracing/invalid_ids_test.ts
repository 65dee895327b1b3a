/** Leases and calls of an app whose SDK gives spans ids that are not valid. */

import { assertEquals, assertRejects } from "@std/assert";
import { FunctionError } from "../../../mod.ts";
import { bundleModule } from "../../../runtime/package/bundle.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { TestSdk } from "../../support/tracing/test_sdk.ts";

const FUNCTIONS = new URL("../../support/functions/traced_functions.ts", import.meta.url);
const none = new Uint8Array();
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

const INVALID: Record<string, readonly [traceId: string, spanId: string]> = {
  "zeros, as of an API without an SDK": ["0".repeat(32), "0".repeat(16)],
  "capital letters": ["A".repeat(32), "B".repeat(16)],
  "another length": ["a".repeat(16), "b".repeat(8)],
  "no text": ["", ""],
  "two lines": [`${"a".repeat(30)}\r\n`, "b".repeat(16)],
};

Deno.test("an app whose spans have invalid ids takes leases and calls functions, without a trace", async (t) => {
  await using cluster = await startCluster();
  const functions = await bundleModule(FUNCTIONS);
  for (const [name, [traceId, spanId]] of Object.entries(INVALID)) {
    await t.step(name, async () => {
      using sdk = new TestSdk(() => ({ traceId, spanId, traceFlags: 1 }));
      const client = await cluster.connect();
      await using lease = await client.lease({ functions, traceRate: 1 });
      assertEquals(text(await lease.invoke("traced", none)), "none");
      const chunks = await Array.fromAsync(lease.stream("tracedChunks", none));
      assertEquals(chunks.map(text), ["none", "none"]);
      await assertRejects(() => lease.invoke("fail", none), FunctionError);
      // The spans are the SDK's, whatever their ids are.
      const ended = ["rfaas.lease", "traced", "tracedChunks", "fail"].map((span) =>
        sdk.named(span).map(({ ends, status }) => [ends, status])
      );
      assertEquals(ended, [[[1, 0]], [[1, 0]], [[1, 0]], [[1, 2]]]);
    });
  }
});
