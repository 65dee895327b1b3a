/** The term of a lease: it is kept, renewed and ended on time. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { LeaseOverError } from "../../runtime/errors.ts";
import type { Client } from "../../runtime/client/client.ts";
import type { LeaseOptions } from "../../runtime/client/lease_options.ts";
import { type ShortLease, shortLease } from "../support/cluster/short_lease.ts";
import { stop } from "../support/processes/process_child.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { limitMs } from "../support/time_factor.ts";
import { until, within } from "../support/waiting.ts";

const bytes = new Uint8Array(64).fill(5);

/** Takes a lease of a term of two seconds, or more on a host under load. It ends with its client. */
function take(
  host: ProcessHost,
  client: Client,
  options: Partial<LeaseOptions> = {},
): Promise<ShortLease> {
  return shortLease((termMs) => host.lease(client, { ...options, termMs }), 2_000);
}

Deno.test("a synchronous loop of hot calls that lasts longer than its term keeps its lease", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const { lease, termMs } = await take(host, client);
  const events = lease.status();
  const firstMs = lease.expires.getTime();
  using call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
  const untilMs = performance.now() + 2.25 * termMs;
  let calls = 0;
  while (performance.now() < untilMs) {
    for (let i = 0; i < 100; i++) if (call.invokeSync(64) === 64) calls++;
  }
  assert(calls > 1000, `${calls} calls`);
  assertEquals(call.invokeSync(64), 64);
  let lastMs = 0;
  for (let i = 0; i < 2; i++) { // the events during the loop, in order
    const { value: event } = await within(1000, "an event", events.next());
    assert(event.type === "renewed", event.type);
    assert(event.expires.getTime() > lastMs);
    lastMs = event.expires.getTime();
  }
  assert(lease.expires.getTime() >= firstMs + termMs, "the end has moved");
  assertEquals(await lease.invoke("echo", bytes), bytes);
});

Deno.test("one synchronous call that lasts longer than its term keeps its lease", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const { lease, termMs } = await take(host, client, { depth: 64 });
  using call = lease.prepare("hold", { bytes: 1, resultBytes: 1 });
  const length = 1.5 * termMs / 250 - 1;
  const others = Array.from({ length }, () => lease.invoke("hold", Uint8Array.of(250)));
  call.input[0] = 250; // behind all others of the same worker: one and a half terms
  const sinceMs = performance.now();
  assertEquals(call.invokeSync(1), 1);
  const tookMs = performance.now() - sinceMs;
  assert(tookMs > 1.25 * termMs, `${tookMs} ms of a term of ${termMs} ms`);
  assertEquals((await Promise.all(others)).length, length);
});

Deno.test("a lease that is not renewed ends on time, for synchronous calls and others", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const { lease } = await take(host, client, { renew: false });
  const endMs = lease.expires.getTime();
  const events = Array.fromAsync(lease.status());
  const pending = assertRejects(() => lease.invoke("never", bytes), LeaseOverError);
  using call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
  assertThrows(() => {
    while (Date.now() < endMs + 5000) call.invokeSync(64);
  }, LeaseOverError);
  const lateMs = Date.now() - endMs;
  // Client and node count the term from different moments, which differ on a busy host.
  assert(lateMs > -limitMs(250) && lateMs < limitMs(500), `it ended ${lateMs} ms after its term`);
  await within(1000, "the call that waited", pending);
  assertThrows(() => call.invokeSync(64), LeaseOverError);
  await assertRejects(() => call.invoke(64), LeaseOverError);
  await assertRejects(() => lease.invoke("echo", bytes), LeaseOverError);
  assertEquals((await within(1000, "closed", lease.closed)).code, "expired");
  assertEquals((await events).map(({ type }) => type), ["closed"]);
  assertEquals(lease.expires.getTime(), endMs);
  await host.idle();
});

Deno.test("events arrive in order: renewed, lost, recovered, renewed, closed", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const { lease } = await take(host, client);
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { type } of lease.status()) if (seen.at(-1) !== type) seen.push(type);
  })();
  await until(() => seen.at(-1) === "renewed", () => "renewed");
  Deno.kill(await host.executor(), "SIGKILL");
  await until(() => seen.at(-1) === "recovered", () => "recovered");
  await until(() => seen.at(-1) === "renewed", () => "renewed again");
  await lease.close();
  await within(1000, "the end of the events", reading);
  // On a slow host the recovery takes longer than half a term.
  const types = seen.filter((type, i) => type !== "renewed" || seen[i - 1] !== "lost");
  assertEquals(types, ["renewed", "lost", "recovered", "renewed", "closed"]);
});

Deno.test("a node that hangs does not prevent the renewal of the other parts, and its own part is not lost", async () => {
  await using host = await ProcessHost.start({ cores: 1, nodes: 3 });
  await using client = await host.connect();
  const { lease } = await take(host, client, { workers: 2, idempotent: ["echo"] });
  const types: string[] = [];
  const reading = (async () => {
    for await (const { type } of lease.status()) types.push(type);
  })();
  const endMs = lease.expires.getTime();
  const hung = host.nodes.get(lease.parts[1]!.node)!;
  await stop(hung.pid);
  const pastEnd = () => Date.now() > endMs + 1500;
  await until(pastEnd, () => "the original term is over");
  assertEquals(await lease.invoke("echo", bytes, { worker: 0 }), bytes);
  assert(lease.expires.getTime() > endMs, "the end has moved");
  hung.signal("SIGCONT"); // it finds its part over, or renewed just then
  assertEquals(await within(5000, "its worker", lease.invoke("echo", bytes, { worker: 1 })), bytes);
  assertEquals(await lease.invoke("echo", bytes, { worker: 0 }), bytes);
  await lease.close();
  await within(1000, "the end of the events", reading);
  assert(!types.includes("shrunk"), types.join());
});

Deno.test("a client stopped beyond its term finds its lease over, and the node has nothing of it", async () => {
  await using host = await ProcessHost.start();
  await using sync = host.startClient("hotLoop", { termMs: 2_000 });
  await sync.line();
  await using idle = host.startClient("outlives", { termMs: 2_000 });
  await idle.line();
  await Promise.all([stop(sync.pid), stop(idle.pid)]);
  await host.idle(5000); // the term, and the time a node grants an executor to end
  sync.signal("SIGCONT");
  idle.signal("SIGCONT");
  assertEquals((await sync.line()).name, "LeaseOverError");
  assertEquals((await idle.line()).outcomes, ["LeaseOverError", "LeaseOverError"]);
  for (const one of [sync, idle]) {
    assertEquals(await one.ended(), { code: 0, signal: null, stderr: "" });
  }
});

Deno.test("a lease that expires while its client attaches fails with a named error", async () => {
  await using host = await ProcessHost.start();
  await using client = host.startClient("overInLeasing", { termMs: 2_000 });
  await client.line();
  await host.executor(); // the node has admitted it
  await stop(client.pid);
  await host.idle(5000);
  client.signal("SIGCONT");
  const { name, message } = await client.line();
  assert(["LeaseOverError", "LeaseRefusedError"].includes(String(name)), `${name}: ${message}`);
  assertEquals(await client.ended(), { code: 0, signal: null, stderr: "" });
});
