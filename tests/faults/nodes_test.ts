/** Leases over several nodes: a lost node affects its own part of the lease and no other. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { DEFAULT_POOL } from "../../manager/executor/executors/executor_pool.ts";
import { ExecutorLostError, LeaseRefusedError, NodeLostError } from "../../runtime/errors.ts";
import type { Client } from "../../runtime/client/client.ts";
import type { Lease } from "../../runtime/client/lease.ts";
import type { LeaseEvent } from "../../runtime/client/lease_events.ts";
import type { LeaseOptions } from "../../runtime/client/lease_options.ts";
import { slotMemoryBytes } from "../../runtime/protocol/slot_memory.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { shortLease } from "../support/cluster/short_lease.ts";
import { until, within } from "../support/waiting.ts";
import { lastingMs } from "../support/time_factor.ts";

const functions = new TextEncoder().encode(`
const id = crypto.getRandomValues(new Uint8Array(8));
export function identity(input, output) { output.set(id); return 8; }
export function workerIndex(input, output, context) { output[0] = context.worker; return 1; }
export function never() { return new Promise(() => {}); }
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

/** Returns the identity of the worker at an index. */
async function identity(lease: Lease, worker: number): Promise<string> {
  return (await within(10_000, "an answer", lease.invoke("identity", none, { worker }))).toHex();
}

function allOf(lease: Lease): Promise<string[]> {
  return Promise.all(Array.from({ length: lease.workers }, (_, worker) => identity(lease, worker)));
}

/** The indices of a node's workers. */
function workersOn(lease: Lease, node: string): number[] {
  return lease.parts.filter((part) => part.node === node).flatMap(({ workerIndexes }) =>
    workerIndexes
  );
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
    throw new Error(`Cannot find event ${type}: the lease has ended`);
  })();
  return within(20_000, `the event ${type}`, found);
}

/** Waits until all cores are free at the resource manager. */
async function allFree(host: ProcessHost, nodes: readonly string[]): Promise<void> {
  let free: number[] = [];
  await until(
    async () => {
      free = await Promise.all(nodes.map((name) => host.freeCores(name)));
      return free.every((each) => each === cores);
    },
    () => `all cores are free (${free})`,
    10_000,
  );
}

Deno.test("a lease over three nodes runs calls on all, keeps worker indices, and frees all cores", async () => {
  await using host = await ProcessHost.start({ cores, nodes: 3 });
  await using client = await host.connect();
  const lease = await take(host, client, { workers: 6 });
  assertEquals(lease.nodes.toSorted(), ["node-0", "node-1", "node-2"]);
  assertEquals(lease.parts.map(({ workerIndexes }) => workerIndexes.length), [2, 2, 2]);
  assertEquals(new Set(lease.parts.map(({ id }) => id)).size, 1, "one lease");
  const workers = await allOf(lease);
  assertEquals(new Set(workers).size, 6, "six workers");
  assertEquals(await allOf(lease), workers);
  const indices = [0, 1, 2, 3, 4, 5];
  assertEquals(lease.parts.flatMap(({ workerIndexes }) => workerIndexes).toSorted(), indices);
  for (const worker of indices) {
    const reply = await lease.invoke("workerIndex", none, { worker });
    assertEquals(reply, Uint8Array.of(worker), "the index in the context");
  }
  const answers = await lease.map("identity", Array(60).fill(none));
  assertEquals(new Set(answers.map((each) => each.toHex())), new Set(workers));

  const { leases } = await host.operator.leases();
  assertEquals(leases.length, 1);
  assertEquals(leases[0]!.workers, 6);
  assertEquals(leases[0]!.nodes.map(({ workers, state }) => [workers, state]), [
    [2, "claimed"],
    [2, "claimed"],
    [2, "claimed"],
  ]);
  const refused = await assertRejects(() => take(host, client, {}), LeaseRefusedError);
  assertEquals(refused.reason, "full");
  await lease.close();
  await allFree(host, ["node-0", "node-1", "node-2"]);
  assertEquals((await host.operator.leases()).leases, []);
  // On a busy host claims may be too late: an attempt before this lease has its own bills.
  const bills = (await host.operator.bills()).bills.filter((bill) => bill.lease === lease.id);
  assertEquals(bills.map(({ workers }) => workers), [2, 2, 2], "each node bills its own part");
  assertEquals(new Set(bills.map(({ lease, node }) => `${lease} ${node}`)).size, 3);
  const slots = slotMemoryBytes({ workers: 2, depth: 4, maxBytes: 2 ** 20 });
  assertEquals(bills.map(({ memoryBytes }) => memoryBytes), Array(3).fill(89478486 + slots));
});

Deno.test("a lease takes one node if that has the capacity for all of it", async () => {
  await using host = await ProcessHost.start({ cores, nodes: 2 });
  await using client = await host.connect();
  await using one = await take(host, client, { workers: 2 });
  assertEquals(one.parts.length, 1);
  await using rest = await take(host, client, { workers: 1 });
  assert(rest.nodes[0] !== one.nodes[0]);
  await assertRejects(
    () => take(host, client, { workers: 2 }),
    LeaseRefusedError,
    "nor have all nodes",
  );
});

Deno.test("a lost executor affects its own part, and the others go on", async () => {
  await using host = await ProcessHost.start({ cores, nodes: 2, pool: DEFAULT_POOL });
  await using client = await host.connect();
  await using lease = await take(host, client, { workers: 4 });
  const before = await allOf(lease);
  const [hit, other] = lease.nodes as [string, string];
  const [worker] = workersOn(lease, hit);
  const cut = lease.invoke("never", none, { worker: worker! });
  const recovered = event(lease, "recovered");
  const executors = host.executors(host.nodes.get(hit)!);
  const lost = assertRejects(() => within(10_000, "the failure", cut), ExecutorLostError);
  await identity(lease, worker!); // the call before it has begun: one that has not runs on the next executor
  for (const pid of executors) Deno.kill(pid, "SIGKILL");
  for (const at of workersOn(lease, other)) assertEquals(await identity(lease, at), before[at]);
  assertEquals((await lost).outcome, "unknown");
  assertEquals((await recovered).node, hit);
  const after = await allOf(lease);
  for (const at of workersOn(lease, other)) assertEquals(after[at], before[at]);
  for (const at of workersOn(lease, hit)) assert(after[at] !== before[at]);
  assertEquals(lease.parts.length, 2);
});

Deno.test("the part of a killed node moves to a node with free capacity, and the others go on", async () => {
  await using host = await ProcessHost.start({ cores, nodes: 3 });
  // The lost part must not count against the quota when its replacement is requested.
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
  // Calls that are cut off are retried elsewhere: none fails.
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
  for (const at of workersOn(lease, other)) assertEquals(after[at], before[at]);
  const lost = events.find((event) => event.type === "lost");
  assertEquals(lost?.reason.code, "node-lost");
  await lease.close();
  await watching;
  await allFree(host, [spare, other]);
});

Deno.test("a lease goes on with fewer workers when nothing replaces a killed node, down to the last node", async () => {
  await using host = await ProcessHost.start({ cores, nodes: 2 });
  await using client = await host.connect(undefined, { replaceMs: lastingMs(1500) });
  await using lease = await take(host, client, { workers: 4 });
  const [hit, other] = lease.nodes as [string, string];
  const [gone] = workersOn(lease, hit);
  const shrunk = event(lease, "shrunk");
  await host.nodes.get(hit)!.kill();
  // The call waits for a replacement, until the search for one ends.
  const waiting = assertRejects(
    () => lease.invoke("identity", none, { worker: gone! }),
    NodeLostError,
    `is lost`,
  ).catch(() =>
    assertRejects(
      () => lease.invoke("identity", none, { worker: gone! }),
      NodeLostError,
      "ended with node",
    )
  );
  const { node, workers } = await shrunk;
  assertEquals([node, workers], [hit, 2]);
  await waiting;
  const error = await assertRejects(
    () => lease.invoke("identity", none, { worker: gone! }),
    NodeLostError,
  );
  assertEquals(error.outcome, "not-run");
  assertMatch(error.message, new RegExp(`worker ${gone} ended with node ${hit}`));
  assertEquals(lease.nodes, [other]);
  for (let i = 0; i < 4; i++) await lease.invoke("identity", none);
  const { leases } = await host.operator.leases();
  assertEquals(leases.map(({ workers }) => workers), [2], "the part that is left");
  await host.nodes.get(other)!.kill();
  assertEquals((await within(5000, "the end", lease.closed)).code, "node-lost");
  await assertRejects(() => lease.invoke("identity", none), NodeLostError);
});

Deno.test("the part of one drained node moves alone, also when the quota is used up", async () => {
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
  for (const at of workersOn(lease, other)) assertEquals(after[at], before[at]);
  assertEquals(new Set(after).size, 4);
  await assertRejects(() => take(host, client, { workers: 1 }), LeaseRefusedError, "quota");
  await lease.close();
  await allFree(host, [spare, other]);
});

Deno.test("a short term is renewed on all nodes", async () => {
  await using host = await ProcessHost.start({ cores, nodes: 2 });
  await using client = await host.connect();
  const { lease } = await shortLease(
    (termMs) => take(host, client, { workers: 3, termMs }),
    2_000,
  );
  const before = await allOf(lease);
  for (let i = 0; i < 3; i++) await event(lease, "renewed");
  assertEquals(await allOf(lease), before);
  assertEquals(lease.parts.map(({ workerIndexes }) => workerIndexes.length).toSorted(), [1, 2]);
});
