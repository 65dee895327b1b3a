/** Bills of real processes: what a lease computed, and what a kill can lose. */

import { assert, assertEquals } from "@std/assert";
import type { Lease } from "../../mod.ts";
import type { Bill } from "../../runtime/http/bill_api.ts";
import { slotMemoryBytes } from "../../runtime/protocol/slot_memory.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { until } from "../support/waiting.ts";

/** Converts nanoseconds into milliseconds. */
const ms = (ns: string) => Number(BigInt(ns)) / 1e6;

/** The bill of a lease, if there is one. An attempt before it, whose claim came too late on a busy host, has its own. */
async function billIfAny(host: ProcessHost, { id }: Pick<Lease, "id">): Promise<Bill | undefined> {
  const bills = (await host.operator.bills()).bills.filter(({ lease }) => lease === id);
  assert(bills.length <= 1, JSON.stringify(bills));
  return bills[0];
}

async function bill(host: ProcessHost, lease: Pick<Lease, "id">): Promise<Bill> {
  const found = await billIfAny(host, lease);
  assert(found !== undefined, "it has no bill");
  return found;
}

/** Waits until a lease has a bill. */
async function billed(host: ProcessHost, lease: Pick<Lease, "id">): Promise<void> {
  await until(async () => await billIfAny(host, lease) !== undefined, () => "a bill");
}

Deno.test("a lease is billed for what its functions computed, from admission to end", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const before = performance.now();
  const lease = await host.lease(client, { memory: "64MiB", hotMs: 50 });
  for (let i = 0; i < 4; i++) await lease.invoke("hold", Uint8Array.of(50));
  await new Promise((resolve) => setTimeout(resolve, 300)); // the worker sleeps, which is not billed as polling
  await lease.close();
  const heldMs = performance.now() - before;
  await host.idle();
  const { heldNs, computeNs, pollNs, workers, memoryBytes, client: name } = await bill(host, lease);
  assertEquals({ workers, memoryBytes, name }, {
    workers: 1,
    memoryBytes: 2 ** 26 + slotMemoryBytes({ workers: 1, depth: 4, maxBytes: 2 ** 20 }),
    name: "client",
  });
  assert(ms(heldNs) >= 500 && ms(heldNs) <= heldMs + 200, `held ${ms(heldNs)} of ${heldMs} ms`);
  // On a shared core the kernel counts less than the clock. The pause is not billed, however slow the host is.
  assert(ms(computeNs) <= heldMs - 300, `computed ${ms(computeNs)} of ${heldMs} ms`);
  assert(ms(computeNs) >= 60, `computed ${ms(computeNs)} ms`);
  assert(ms(pollNs) <= heldMs - 450, `polled ${ms(pollNs)} of ${heldMs} ms`);
});

Deno.test("a killed executor that computes loses at most the last second of its bill", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const began = performance.now(); // all threads of the executor are billed, from its start on
  const lease = await host.lease(client, { hotMs: 0 });
  await lease.invoke("echo", new Uint8Array(1));
  const spinning = lease.invoke("spin", new Uint8Array(1)).catch((error: Error) => error);
  await until(
    async () => {
      return ms((await billIfAny(host, lease))?.computeNs ?? "0") > 1000;
    },
    () => "a second was computed and reported",
    15_000,
  );
  Deno.kill(await host.executor(), "SIGKILL");
  const computedMs = performance.now() - began;
  await spinning;
  await lease.close();
  await host.idle();
  const { computeNs } = await bill(host, lease);
  assert(
    ms(computeNs) > 1000 && ms(computeNs) < computedMs,
    `${ms(computeNs)} of ${computedMs} ms`,
  );
});

Deno.test("a killed executor manager loses at most the last second of a bill, and its restart counts nothing twice", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const before = performance.now();
  const lease = await host.lease(client);
  // Its node reports once a second, and later where it is interrupted.
  const hasSecond = async () => ms((await billIfAny(host, lease))?.heldNs ?? "0") > 1000;
  await until(hasSecond, () => "a second was held and reported");
  const heldMs = performance.now() - before;
  await host.node.kill();
  await host.startNode("node-0");
  await lease.close().catch(() => {});
  const { heldNs } = await bill(host, lease);
  assert(ms(heldNs) <= heldMs && ms(heldNs) > 1000, `held ${ms(heldNs)} of ${heldMs} ms`);
  assertEquals(host.executors(), []);
});

Deno.test("the time for which an executor manager is stopped is not billed as held", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const lease = await host.lease(client, { termMs: 60_000 });
  await billed(host, lease);
  const before = performance.now();
  const { heldNs: beforeNs } = await bill(host, lease);
  host.node.signal("SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, 4500));
  host.node.signal("SIGCONT");
  assertEquals(await lease.invoke("echo", Uint8Array.of(7)), Uint8Array.of(7)); // the lease goes on
  await new Promise((resolve) => setTimeout(resolve, 700)); // and so does its bill
  await lease.close();
  await host.idle();
  const billedMs = ms((await bill(host, lease)).heldNs) - ms(beforeNs);
  const wallMs = performance.now() - before;
  assert(billedMs >= 600, `billed ${billedMs} of ${wallMs} ms`);
  assert(billedMs <= wallMs - 3800 + 1000, `billed ${billedMs} of ${wallMs} ms`); // reported once a second before
});

Deno.test("a killed resource manager loses nothing of a bill, and its restart counts nothing twice", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const before = performance.now();
  const lease = await host.lease(client, { termMs: 60_000 });
  await lease.invoke("hold", Uint8Array.of(200));
  await billed(host, lease);
  const admittedMs = performance.now() - before;
  await host.resourceManager.kill();
  await lease.invoke("hold", Uint8Array.of(200));
  await lease.close(); // cannot be reported
  const heldMs = performance.now() - before;
  await new Promise((resolve) => setTimeout(resolve, 1200));
  await host.startResourceManager();
  await host.idle(10_000);
  const { heldNs, computeNs } = await bill(host, lease);
  assert(ms(heldNs) <= heldMs + 200, `held ${ms(heldNs)} of ${heldMs} ms`);
  assert(ms(heldNs) >= heldMs - admittedMs, `held ${ms(heldNs)} of ${heldMs} ms`);
  assert(ms(computeNs) >= 60 && ms(computeNs) <= heldMs, `computed ${ms(computeNs)} ms`);
});

Deno.test("a node that ends while the resource manager is down reports the bill at its next start, once", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const before = performance.now();
  const lease = await host.lease(client);
  await billed(host, lease);
  const seenNs = BigInt((await bill(host, lease)).heldNs);
  await host.resourceManager.kill();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  host.node.signal("SIGTERM");
  await lease.close().catch(() => {});
  await host.node.ended();
  const heldMs = performance.now() - before;
  await host.startResourceManager();
  await host.startNode("node-0");
  await until(
    async () => BigInt((await bill(host, lease)).heldNs) > seenNs + 900_000_000n,
    () => "the bill is reported",
  );
  const { heldNs } = await bill(host, lease);
  assert(ms(heldNs) <= heldMs && ms(heldNs) > 1000, `held ${ms(heldNs)} of ${heldMs} ms`);
  await host.node.kill();
  await host.startNode("node-0");
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assertEquals((await bill(host, lease)).heldNs, heldNs);
});

Deno.test("a node that is removed while it serves a lease reports the whole bill when it registers again", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const lease = await host.lease(client);
  const { node } = (await host.operator.nodes()).nodes[0]!;
  await lease.invoke("hold", Uint8Array.of(200));
  await billed(host, lease);
  const seenNs = BigInt((await bill(host, lease)).heldNs);
  await host.operator.removeNode(node);
  await lease.closed;
  await until(
    async () => BigInt((await bill(host, lease)).heldNs) > seenNs,
    () => "the end of the lease is billed",
    10_000,
  );
  assertEquals((await bill(host, lease)).node, node);
  const again = (await host.operator.nodes()).nodes[0];
  assert(again !== undefined && again.node !== node, "it has registered again");
});
