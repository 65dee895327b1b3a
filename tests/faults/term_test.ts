/** What holds of a lease's term: it is kept, moved and ended on time. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { LeaseOver } from "../../runtime/errors.ts";
import { stop } from "../support/process_child.ts";
import { ProcessHost } from "../support/process_host.ts";
import { until, within } from "../support/process_table.ts";

const bytes = new Uint8Array(64).fill(5);

Deno.test("a synchronous loop of hot calls that lasts longer than its term keeps its lease", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  await using lease = await host.lease(client, { seconds: 2 });
  const events = lease.status();
  const firstMs = lease.expires.getTime();
  using call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
  const untilMs = performance.now() + 4500;
  let calls = 0;
  while (performance.now() < untilMs) {
    for (let i = 0; i < 100; i++) if (call.invokeSync(64) === 64) calls++;
  }
  assert(calls > 1000, `${calls} calls`);
  assertEquals(call.invokeSync(64), 64);
  let lastMs = 0;
  for (let i = 0; i < 2; i++) { // those that came during the loop, in their order
    const { value: event } = await within(1000, "news", events.next());
    assert(event.type === "renewed", event.type);
    assert(event.expires.getTime() > lastMs);
    lastMs = event.expires.getTime();
  }
  assert(lease.expires.getTime() >= firstMs + 2000, "the end has moved");
  assertEquals(await lease.invoke("echo", bytes), bytes);
});

Deno.test("one synchronous call that lasts longer than its term keeps its lease", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  await using lease = await host.lease(client, { seconds: 2, depth: 16 });
  using call = lease.prepare("hold", { bytes: 1, resultBytes: 1 });
  const others = Array.from({ length: 11 }, () => lease.invoke("hold", Uint8Array.of(250)));
  call.input[0] = 250; // behind eleven others of the same worker: three seconds
  const sinceMs = performance.now();
  assertEquals(call.invokeSync(1), 1);
  assert(performance.now() - sinceMs > 2500, `${performance.now() - sinceMs} ms`);
  assertEquals((await Promise.all(others)).length, 11);
});

Deno.test("a lease that is not renewed ends on time, for synchronous calls and others", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  await using lease = await host.lease(client, { seconds: 2, renew: false });
  const endMs = lease.expires.getTime();
  const events = Array.fromAsync(lease.status());
  const pending = assertRejects(() => lease.invoke("never", bytes), LeaseOver);
  using call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
  assertThrows(() => {
    while (Date.now() < endMs + 5000) call.invokeSync(64);
  }, LeaseOver);
  const lateMs = Date.now() - endMs;
  assert(lateMs > -50 && lateMs < 500, `it ended ${lateMs} ms after its term`);
  await within(1000, "the call that waited", pending);
  assertThrows(() => call.invokeSync(64), LeaseOver);
  await assertRejects(() => call.invoke(64), LeaseOver);
  await assertRejects(() => lease.invoke("echo", bytes), LeaseOver);
  assert((await within(1000, "closed", lease.closed)).startsWith("expired"));
  assertEquals((await events).map(({ type }) => type), ["closed"]);
  assertEquals(lease.expires.getTime(), endMs);
  await host.idle();
});

Deno.test("events come in their order: renewed, lost, recovered, renewed, closed", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  await using lease = await host.lease(client, { seconds: 2 });
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
  // A slow host's recovery takes longer than half a term.
  const told = seen.filter((type, i) => type !== "renewed" || seen[i - 1] !== "lost");
  assertEquals(told, ["renewed", "lost", "recovered", "renewed", "closed"]);
});

Deno.test("a node that hangs does not keep the rest of a lease from being renewed, and its part is not lost", async () => {
  await using host = await ProcessHost.start({ cores: 1, nodes: 3 });
  await using client = await host.connect();
  await using lease = await host.lease(client, { seconds: 2, workers: 2, idempotent: ["echo"] });
  const types: string[] = [];
  const reading = (async () => {
    for await (const { type } of lease.status()) types.push(type);
  })();
  const endMs = lease.expires.getTime();
  const hung = host.nodes.get(lease.parts[1]!.node)!;
  await stop(hung.pid);
  const pastEnd = () => Date.now() > endMs + 1500;
  await until(pastEnd, () => "the term is over, had it not been renewed");
  assertEquals(await lease.invoke("echo", bytes, { worker: 0 }), bytes);
  assert(lease.expires.getTime() > endMs, "the end has moved");
  hung.signal("SIGCONT"); // to find its part over, or renewed just then
  assertEquals(await within(5000, "its worker", lease.invoke("echo", bytes, { worker: 1 })), bytes);
  assertEquals(await lease.invoke("echo", bytes, { worker: 0 }), bytes);
  await lease.close();
  await within(1000, "the end of the events", reading);
  assert(!types.includes("shrunk"), types.join());
});

Deno.test("a client stopped past its term finds its lease over, and nothing of it at the node", async () => {
  await using host = await ProcessHost.start();
  await using sync = host.startClient("hotLoop", { seconds: 2 });
  await sync.line();
  await using idle = host.startClient("outlives", { seconds: 2 });
  await idle.line();
  await Promise.all([stop(sync.pid), stop(idle.pid)]);
  await host.idle(5000); // the term, and what a node waits for an executor to end
  sync.signal("SIGCONT");
  idle.signal("SIGCONT");
  assertEquals((await sync.line()).name, "LeaseOver");
  assertEquals((await idle.line()).outcomes, ["LeaseOver", "LeaseOver"]);
  for (const one of [sync, idle]) {
    assertEquals(await one.ended(), { code: 0, signal: null, stderr: "" });
  }
});

Deno.test("a lease that ends while its client still attaches is over, and nothing worse", async () => {
  await using host = await ProcessHost.start();
  await using client = host.startClient("overInLeasing", { seconds: 1 });
  await client.line();
  await host.executor(); // the node has admitted it
  await stop(client.pid);
  await host.idle(4000);
  client.signal("SIGCONT");
  const { name, message } = await client.line();
  assert(["LeaseOver", "LeaseRefused"].includes(String(name)), `${name}: ${message}`);
  assertEquals(await client.ended(), { code: 0, signal: null, stderr: "" });
});
