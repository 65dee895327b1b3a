/** Requests of a class that preempts others: their nodes receive what has to leave, and what may stay. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  MAX_PREEMPTIONS,
  PREEMPT_AGAIN_MS,
  PREEMPTED_WITHIN_MS,
} from "../../../../manager/resource/policy.ts";
import { LeaseRefusedError } from "../../../../runtime/errors.ts";
import type { LeaseResponse } from "../../../../runtime/http/manager_api.ts";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { longMs, PreemptedNode } from "../../../support/cluster/preempted_node.ts";
import { until } from "../../../support/waiting.ts";

Deno.test("a lease of a lower class leaves for a request that waits, with its grace period, and the request gets its cores", async () => {
  await using node = await PreemptedNode.start(3);
  const [ada, sue, eve] = [
    await node.client("ada", "default"),
    await node.client("sue", "spare"),
    await node.client("eve", "urgent"),
  ];
  await node.hold(ada, 1);
  const spare = await node.hold(sue, 1);
  const another = await node.hold(sue, 1);
  assertEquals(await node.leave(), undefined);
  const { granted } = await node.wait(eve, 2);
  const leave = await node.leave();
  assertEquals(
    leave?.toSorted((a, b) => a.lease < b.lease ? -1 : 1),
    [spare, another].sort().map((lease) => ({ lease, graceMs: 1000 })),
  );
  const { waiting: [first] } = await node.test.operator.queue();
  assertMatch(
    first!.reason.message,
    /free bytes.*; 2 leases of lower classes leave node n1 for it$/,
  );
  const { events } = await sue.events({ newest: 2 });
  assertEquals(
    events.map(({ event, role, by, nodeName, workers, message }) => [
      ...[event, role, by, nodeName, workers, message],
    ]),
    Array(2).fill([
      "lease-preempted",
      "resource-manager",
      undefined,
      "n1",
      1,
      "for a request of class urgent",
    ]),
  );
  node.clock.nowMs += 400;
  assertEquals((await node.leave())?.map(({ graceMs }) => graceMs), [600, 600]);
  // What one of them leaves is for no other request, though only one of two cores is free.
  await node.ended(spare);
  const refused = await assertRejects(
    () => ada.takeLease({ workers: 1, memoryBytes: 0, termMs: 60_000 }),
    LeaseRefusedError,
  );
  assertMatch(refused.message, /1 reserved for a request before it/);
  assertEquals((await node.leave())?.length, 2);
  await node.ended(another);
  const { grants } = await granted;
  assertEquals(grants.map(({ name }) => name), ["n1"]);
  assertEquals(await node.leave(), undefined);
});

Deno.test("nothing leaves for a class that does not preempt, for one of its own priority, or for what fits nowhere", async () => {
  await using node = await PreemptedNode.start(2);
  const [ada, bob, eve, max] = [
    await node.client("ada", "default"),
    await node.client("bob", "default"),
    await node.client("eve", "urgent"),
    await node.client("max", "urgent"),
  ];
  await node.hold(ada, 1);
  await node.hold(eve, 1);
  await node.wait(bob, 1);
  await node.wait(max, 3);
  // One of the two leases is of its own class.
  await node.wait(max, 2);
  assertEquals(await node.leave(), undefined);
});

Deno.test("a request that can preempt nothing keeps no smaller one from it", async () => {
  await using node = await PreemptedNode.start(2);
  const lease = await node.hold(await node.client("ada", "default"), 1);
  await node.hold(await node.client("eve", "urgent"), 1);
  const max = await node.client("max", "urgent");
  await node.wait(max, 2);
  const { granted } = await node.wait(max, 1);
  assertEquals((await node.leave())?.map(({ lease }) => lease), [lease]);
  await node.ended(lease);
  await granted;
  assertEquals(await node.leave(), undefined);
});

Deno.test("a request that could preempt nothing is considered again", async () => {
  await using node = await PreemptedNode.start(1);
  const ada = await node.client("ada", "default");
  const { lease } = await ada.takeLease({ workers: 1, memoryBytes: 0, termMs: 60_000 });
  await node.wait(await node.client("eve", "urgent"), 1);
  // A candidate is not preempted.
  assertEquals(await node.leave(), undefined);
  await node.claim(lease, 1);
  node.clock.nowMs += PREEMPT_AGAIN_MS;
  await until(async () => await node.leave() !== undefined, () => "it is preempted once claimed");
});

Deno.test("nothing leaves for a request that is refused before the grace period is over, or exceeds its quota", async () => {
  await using node = await PreemptedNode.start(1);
  const ada = await node.client("ada", "default");
  await node.hold(ada, 1);
  const eve = await node.client("eve", "urgent");
  const short = await node.wait(eve, 1, 2900);
  assertEquals(await node.leave(), undefined);
  await assertRejects(() => short.granted, LeaseRefusedError);
  const { token } = await node.test.operator.createToken({
    role: "client",
    name: "max",
    class: "urgent",
    quota: { workers: 0 },
  });
  using max = new ManagerClient({ url: node.test.url, token });
  const request = { workers: 1, memoryBytes: 0, termMs: 60_000, waitMs: longMs };
  const refused = await assertRejects(() => max.takeLease(request), LeaseRefusedError);
  assertEquals([refused.reason, await node.leave()], ["quota", undefined]);
});

Deno.test("leases may stay once the request has left the queue", async () => {
  await using node = await PreemptedNode.start(1);
  const ada = await node.client("ada", "default");
  const lease = await node.hold(ada, 1);
  const eve = await node.client("eve", "urgent");
  const gone = new AbortController();
  const { granted } = await node.wait(eve, 1, longMs, gone.signal);
  assertEquals(await node.leave(), [{ lease, graceMs: 3000 }]);
  gone.abort();
  await granted.catch(() => {});
  await until(async () => await node.leave() === undefined, () => "it may stay");
});

Deno.test("two requests preempt as many leases as both need together", async () => {
  await using node = await PreemptedNode.start(4);
  const ada = await node.client("ada", "default");
  for (let i = 0; i < 4; i++) await node.hold(ada, 1);
  await node.wait(await node.client("eve", "urgent"), 1);
  // Not tried, since it is no smaller than the first.
  await node.wait(await node.client("max", "urgent"), 2);
  await until(
    async () => new Set((await node.leave())?.map(({ lease }) => lease)).size === 3,
    () => "three leave",
  );
  const { waiting } = await node.test.operator.queue();
  assertEquals(waiting.map(({ reason }) => reason.code), ["full", "behind"]);
  assertMatch(waiting[1]!.reason.message, /; 2 leases of lower classes leave node n1 for it$/);
});

Deno.test("a request whose leases do not leave preempts others a few times, then none", async () => {
  await using node = await PreemptedNode.start(1);
  const ada = await node.client("ada", "spare");
  await node.hold(ada, 1);
  await node.wait(await node.client("eve", "urgent"), 1);
  const preempted = async () => {
    const { events } = await node.test.operator.events({ newest: 100 });
    return events.filter(({ event }) => event === "lease-preempted").length;
  };
  // The node is lost meanwhile, and its heartbeat wakes the queue.
  for (let times = 1; times <= MAX_PREEMPTIONS; times++) {
    await until(async () => await preempted() === times, () => `preempted ${times} times`);
    assertEquals((await node.leave())?.length, 1);
    node.clock.nowMs += 1000 + PREEMPTED_WITHIN_MS;
    await node.leave();
  }
  await until(async () => {
    const { waiting: [first] } = await node.test.operator.queue();
    return first?.reason.code === "full" && !first.reason.message.includes("leave");
  }, () => "it waits without preemption");
  assertEquals([await node.leave(), await preempted()], [undefined, MAX_PREEMPTIONS]);
});

Deno.test("a part that leaves is replaced on another node within the quota of its client", async () => {
  await using node = await PreemptedNode.start(2);
  const quota = { workers: 1 };
  const request = { role: "client", name: "ada", quota } as const;
  const { token } = await node.test.operator.createToken(request);
  using ada = new ManagerClient({ url: node.test.url, token });
  const lease = await node.hold(ada, 1);
  await node.hold(await node.client("sue", "spare"), 1);
  const move = (): Promise<LeaseResponse> =>
    ada.takeLease({ workers: 1, memoryBytes: 0, termMs: 60_000, replaces: lease });
  await node.test.register("n2", { cores: 1 });
  assertEquals((await assertRejects(move, LeaseRefusedError)).reason, "quota");
  await node.wait(await node.client("eve", "urgent"), 2);
  assertEquals((await node.leave())?.length, 2);
  assertEquals((await move()).grants.map(({ name }) => name), ["n2"]);
});
