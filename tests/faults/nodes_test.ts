/** What holds of a lease over several nodes: each node that is lost takes its own part with it, and no more. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { DEFAULT_POOL } from "../../manager/executor/executor_pool.ts";
import { ExecutorLost, LeaseRefused, NodeLost } from "../../runtime/errors.ts";
import type { Client } from "../../runtime/client/client.ts";
import type { Lease } from "../../runtime/client/lease.ts";
import type { LeaseEvent } from "../../runtime/client/lease_events.ts";
import type { LeaseOptions } from "../../runtime/client/lease_options.ts";
import { slotMemoryBytes } from "../../runtime/protocol/slot_memory.ts";
import { ProcessHost } from "../support/process_host.ts";
import { until, within } from "../support/process_table.ts";
import { limitMs } from "../support/time_factor.ts";

const functions = new TextEncoder().encode(`
const me = crypto.getRandomValues(new Uint8Array(8));
export function who(input, output) { output.set(me); return 8; }
export function place(input, output, context) { output[0] = context.worker; return 1; }
export function spin() { for (;;); }
export async function nap(input, output) {
  await new Promise((resolve) => setTimeout(resolve, 10));
  output.set(input);
  return input.length;
}
`);
const none = new Uint8Array(0);
const cores = 2;

function take(host: ProcessHost, client: Client, options: Partial<LeaseOptions>): Promise<Lease> {
  return host.lease(client, { functions, hotMs: 1, ...options });
}

/** Which worker answers at a place. */
async function who(lease: Lease, worker: number): Promise<string> {
  return (await within(10_000, "an answer", lease.invoke("who", none, { worker }))).toHex();
}

function allOf(lease: Lease): Promise<string[]> {
  return Promise.all(Array.from({ length: lease.workers }, (_, worker) => who(lease, worker)));
}

/** The places of a node's workers. */
function placesOn(lease: Lease, node: string): number[] {
  return lease.parts.filter((part) => part.node === node).flatMap(({ workers }) => workers);
}

/** Waits for an event of the lease. */
function event<T extends LeaseEvent["type"]>(
  lease: Lease,
  type: T,
): Promise<Extract<LeaseEvent, { type: T }>> {
  const events = lease.status();
  const found = (async () => {
    for await (const one of events) {
      if (one.type === type) return one as Extract<LeaseEvent, { type: T }>;
    }
    throw new Error(`The lease ended without the event ${type}`);
  })();
  return within(20_000, `the event ${type}`, found);
}

/** Waits until all cores are free with the resource manager, and no executor that held one is left. */
async function allFree(host: ProcessHost, nodes: readonly string[]): Promise<void> {
  let free: number[] = [];
  await until(
    async () => {
      free = await Promise.all(nodes.map((name) => host.freeCores(name)));
      return free.every((each) => each === cores);
    },
    () => `all cores are free (${free})`,
    limitMs(10_000),
  );
}

Deno.test("a lease over three nodes: calls land on all, worker n stays worker n, and all comes back", async () => {
  await using host = await ProcessHost.start({ cores, nodes: 3 });
  await using client = await host.connect();
  const lease = await take(host, client, { workers: 6 });
  assertEquals(lease.nodes.toSorted(), ["node-0", "node-1", "node-2"]);
  assertEquals(lease.parts.map(({ workers }) => workers.length), [2, 2, 2]);
  assertEquals(new Set(lease.parts.map(({ id }) => id)).size, 1, "one lease");
  const workers = await allOf(lease);
  assertEquals(new Set(workers).size, 6, "six workers");
  assertEquals(await allOf(lease), workers);
  const places = [0, 1, 2, 3, 4, 5];
  assertEquals(lease.parts.flatMap(({ workers }) => workers).toSorted(), places);
  for (const worker of places) {
    const told = await lease.invoke("place", none, { worker });
    assertEquals(told, Uint8Array.of(worker), "what a function is told of its worker");
  }
  const answers = await lease.map("who", Array(60).fill(none));
  assertEquals(new Set(answers.map((each) => each.toHex())), new Set(workers));

  const { leases } = await host.operator.leases();
  assertEquals(leases.length, 1);
  assertEquals(leases[0]!.workers, 6);
  assertEquals(leases[0]!.nodes.map(({ workers, state }) => [workers, state]), [
    [2, "claimed"],
    [2, "claimed"],
    [2, "claimed"],
  ]);
  const refused = await assertRejects(() => take(host, client, {}), LeaseRefused);
  assertEquals(refused.reason, "full");
  await lease.close();
  await allFree(host, ["node-0", "node-1", "node-2"]);
  assertEquals((await host.operator.leases()).leases, []);
  const { bills } = await host.operator.bills();
  assertEquals(bills.map(({ workers }) => workers), [2, 2, 2], "each node tells of its own part");
  assertEquals(new Set(bills.map(({ lease, node }) => `${lease} ${node}`)).size, 3);
  const slots = slotMemoryBytes({ workers: 2, depth: 4, maxBytes: 2 ** 20 });
  assertEquals(bills.map(({ memoryBytes }) => memoryBytes), Array(3).fill(89478486 + slots));
});

Deno.test("a lease takes one node where one has room for all of it", async () => {
  await using host = await ProcessHost.start({ cores, nodes: 2 });
  await using client = await host.connect();
  await using one = await take(host, client, { workers: 2 });
  assertEquals(one.parts.length, 1);
  await using rest = await take(host, client, { workers: 1 });
  assert(rest.nodes[0] !== one.nodes[0]);
  await assertRejects(() => take(host, client, { workers: 2 }), LeaseRefused, "nor have all nodes");
});

Deno.test("a lost executor takes its own part down, and the others go on", async () => {
  await using host = await ProcessHost.start({ cores, nodes: 2, pool: DEFAULT_POOL });
  await using client = await host.connect();
  await using lease = await take(host, client, { workers: 4 });
  const before = await allOf(lease);
  const [hit, other] = lease.nodes as [string, string];
  const [worker] = placesOn(lease, hit);
  const cut = lease.invoke("spin", none, { worker: worker! });
  const recovered = event(lease, "recovered");
  const executors = host.executors(host.nodes.get(hit)!);
  const lost = assertRejects(() => within(10_000, "the failure", cut), ExecutorLost);
  for (const pid of executors) Deno.kill(pid, "SIGKILL");
  for (const at of placesOn(lease, other)) assertEquals(await who(lease, at), before[at]);
  assertEquals((await lost).outcome, "unknown");
  assertEquals((await recovered).node, hit);
  const after = await allOf(lease);
  for (const at of placesOn(lease, other)) assertEquals(after[at], before[at]);
  for (const at of placesOn(lease, hit)) assert(after[at] !== before[at]);
  assertEquals(lease.parts.length, 2);
});

Deno.test("a killed node: its part moves to a node that has room, and the others go on", async () => {
  await using host = await ProcessHost.start({ cores, nodes: 3 });
  // What is lost must not count any more when its place is asked for.
  const quota = { workers: 4, leases: 1 };
  const { token } = await host.operator.createToken({ role: "client", name: "ada", quota });
  await using client = await host.connect(token);
  await using lease = await take(host, client, { workers: 4, idempotent: true });
  const before = await allOf(lease);
  const [hit, other] = lease.nodes as [string, string];
  const spare = [...host.nodes.keys()].find((name) => !lease.nodes.includes(name))!;
  const events: LeaseEvent[] = [];
  const moved = event(lease, "moved");
  const watching = (async () => {
    for await (const one of lease.status()) events.push(one);
  })();
  let calls = 0;
  let stop = false;
  // Cut ones are done again elsewhere: none fails.
  const working = Promise.all(Array.from({ length: 8 }, async (_, i) => {
    for (; !stop; calls++) {
      assertEquals(await lease.invoke("nap", Uint8Array.of(i)), Uint8Array.of(i));
    }
  }));
  await until(() => calls > 8, () => "calls run");
  await host.nodes.get(hit)!.kill();
  assertEquals((await moved).node, spare);
  stop = true;
  await working;
  assertEquals(new Set(lease.nodes), new Set([spare, other]));
  const after = await allOf(lease);
  assertEquals(new Set(after).size, 4);
  for (const at of placesOn(lease, other)) assertEquals(after[at], before[at]);
  const [lost] = events.filter(({ type }) => type === "lost");
  assertMatch((lost as { reason: string }).reason, /executor manager of node .* is gone/);
  await lease.close();
  await watching;
  await allFree(host, [spare, other]);
});

Deno.test("a killed node that nothing replaces: the lease goes on with fewer workers and says so, to the last", async () => {
  await using host = await ProcessHost.start({ cores, nodes: 2 });
  await using client = await host.connect(undefined, { replaceMs: limitMs(1500) });
  await using lease = await take(host, client, { workers: 4 });
  const [hit, other] = lease.nodes as [string, string];
  const [gone] = placesOn(lease, hit);
  const shrunk = event(lease, "shrunk");
  await host.nodes.get(hit)!.kill();
  // Waits for another node, until there is none for sure.
  const waiting = assertRejects(
    () => lease.invoke("who", none, { worker: gone! }),
    NodeLost,
    `is lost`,
  ).catch(() =>
    assertRejects(() => lease.invoke("who", none, { worker: gone! }), NodeLost, "gone with node")
  );
  const told = await shrunk;
  assertEquals([told.node, told.workers], [hit, 2]);
  await waiting;
  const error = await assertRejects(() => lease.invoke("who", none, { worker: gone! }), NodeLost);
  assertEquals(error.outcome, "not-run");
  assertMatch(error.message, new RegExp(`worker ${gone} is gone with node ${hit}`));
  assertEquals(lease.nodes, [other]);
  for (let i = 0; i < 4; i++) await lease.invoke("who", none);
  const { leases } = await host.operator.leases();
  assertEquals(leases.map(({ workers }) => workers), [2], "what is left of it");
  await host.nodes.get(other)!.kill();
  assertMatch(await within(5000, "the end", lease.closed), /is gone/);
  await assertRejects(() => lease.invoke("who", none), NodeLost);
});

Deno.test("one of three nodes is drained: its part moves alone, also with a quota that is used up", async () => {
  await using host = await ProcessHost.start({ cores, nodes: 3 });
  const { token } = await host.operator.createToken({
    role: "client",
    name: "ada",
    quota: { workers: 4, leases: 1 },
  });
  await using client = await host.connect(token);
  await using lease = await take(host, client, { workers: 4 });
  const before = await allOf(lease);
  const [hit, other] = lease.nodes as [string, string];
  const spare = [...host.nodes.keys()].find((name) => !lease.nodes.includes(name))!;
  const moved = event(lease, "moved");
  const drained = host.nodes.get(hit)!;
  drained.signal("SIGTERM");
  assertEquals((await moved).node, spare);
  await within(10_000, "the drained node", drained.line());
  assertEquals((await drained.ended()).code, 0);
  const after = await allOf(lease);
  for (const at of placesOn(lease, other)) assertEquals(after[at], before[at]);
  assertEquals(new Set(after).size, 4);
  await assertRejects(() => take(host, client, { workers: 1 }), LeaseRefused, "quota");
  await lease.close();
  await allFree(host, [spare, other]);
});

Deno.test("a short term is renewed on all nodes", async () => {
  await using host = await ProcessHost.start({ cores, nodes: 2 });
  await using client = await host.connect();
  await using lease = await take(host, client, { workers: 3, seconds: 2 });
  const before = await allOf(lease);
  for (let i = 0; i < 3; i++) await event(lease, "renewed");
  assertEquals(await allOf(lease), before);
  assertEquals(lease.parts.map(({ workers }) => workers.length).toSorted(), [1, 2]);
});
