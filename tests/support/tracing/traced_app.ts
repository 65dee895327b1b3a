/** An app whose traces a test collects: it calls functions, loses an executor, and moves to another node. */

import { connect, type Lease } from "../../../mod.ts";
import { otelApi } from "../../../runtime/tracing/otel_api.ts";
import { activeTrace, withSpan } from "../../../runtime/tracing/tracing.ts";
import { emit } from "../processes/process_child.ts";

const [manager, token, functions] = Deno.args as [string, string, string];
const NOTHING = new Uint8Array(0);

/** The trace as the function saw it. */
async function traceOf(lease: Lease, name: string): Promise<string> {
  return new TextDecoder().decode(await lease.invoke(name, NOTHING));
}

await using client = await connect({ manager, token });
await using lease = await client.lease({ functions, waitMs: 60_000, graceMs: 50 });
const events = lease.status();

/** Waits for an event of the lease. */
async function next(type: string): Promise<void> {
  for (;;) {
    const { done, value } = await events.next();
    if (done || value.type === type) return;
  }
}

const first = await traceOf(lease, "traced");
const without = await traceOf(lease, "traced");
const within = await withSpan("work", {}, async () => {
  const seen = [await traceOf(lease, "traced"), await traceOf(lease, "tracedLater")];
  for await (const chunk of lease.stream("tracedChunks", NOTHING)) {
    seen.push(new TextDecoder().decode(chunk));
  }
  await lease.invoke("fail", NOTHING).catch(() => {});
  return { work: activeTrace(), seen };
});
const notRecorded = await unsampled(() => traceOf(lease, "traced"));
const kept = [
  await withSpan("work", {}, () => traceOf(lease, "tracedBefore")),
  await withSpan("work", {}, () => traceOf(lease, "tracedBefore")),
];
using prepared = lease.prepare("traced");
const hot = await withSpan("work", {}, () => prepared.output.slice(0, prepared.invokeSync(0)));
await lease.invoke("spin", NOTHING, { deadlineMs: 50 }).catch(() => {});
await next("recovered");
emit({
  lease: lease.id,
  node: lease.nodes[0],
  first,
  without,
  within,
  notRecorded,
  kept,
  prepared: new TextDecoder().decode(hot),
});
await next("moved");
await lease.invoke("echo", NOTHING);

/** Runs something in a trace that its begin does not record. */
function unsampled<T>(run: () => Promise<T>): Promise<T> {
  const { context } = otelApi()!;
  const trace = { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: 0 };
  const key = Symbol.for("OpenTelemetry Context Key SPAN");
  return context.with(context.active().setValue(key, { spanContext: () => trace }), run);
}
