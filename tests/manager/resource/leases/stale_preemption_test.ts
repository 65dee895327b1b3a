/** Preemptions that can no longer serve their request end early, and those that never could are not begun. */
import { assertEquals, assertMatch } from "@std/assert";
import { HEARTBEAT_MS, MAX_PASSED_MS } from "../../../../manager/resource/policy.ts";
import { MAX_LEASE_WAIT_MS } from "../../../../runtime/http/api_fields.ts";
import { PreemptedNode } from "../../../support/cluster/preempted_node.ts";
import { until, within } from "../../../support/waiting.ts";

const CLASSES = { urgent: { priority: 5, preempts: true }, default: { graceSeconds: 30 } };

Deno.test("nothing leaves a node that is reserved for another request", async () => {
  await using node = await PreemptedNode.start(3, CLASSES);
  const ada = await node.client("ada", "default");
  await node.hold(ada, 2);
  await node.hold(await node.client("eve", "urgent"), 1);
  const max = await node.client("max", "urgent");
  await node.wait(max, 3, MAX_LEASE_WAIT_MS); // can preempt nothing, since a lease of its own class is there
  node.clock.nowMs += MAX_PASSED_MS;
  await node.leave();
  await node.wait(max, 1, MAX_LEASE_WAIT_MS);
  await node.wait(ada, 1); // is tried after the others
  assertEquals(await node.leave(), undefined);
  const { waiting } = await node.test.operator.queue();
  assertMatch(waiting[1]!.reason.message, /1 reserved for a request before it/);
});

Deno.test("a request preempts leases of another node once the first one drains", async () => {
  await using node = await PreemptedNode.start(1, CLASSES);
  const ada = await node.client("ada", "default");
  await node.hold(ada, 1);
  const { node: other } = await node.test.register("n2", { cores: 1 });
  const { lease } = await ada.takeLease({ workers: 1, memoryBytes: 0, termMs: 3_600_000 });
  await node.test.node.reportLease(other, lease, { epoch: 1, state: "claimed", workers: 1 });
  const eve = await node.client("eve", "urgent");
  await node.wait(eve, 1, MAX_LEASE_WAIT_MS);
  assertEquals((await node.leave())?.length, 1);
  await node.test.operator.drainNode(node.id, { graceMs: 60_000 });
  const leaveOther = () =>
    node.test.node.heartbeat(other, { epoch: 1, leases: [{ lease, workers: 1 }] });
  await until(
    async () => (await leaveOther()).leave?.[0]?.lease === lease,
    () => "the lease on the other node leaves",
  );
  assertEquals(await node.leave(), undefined);
});

Deno.test("a request that counts on leases that leave for another preempts them itself once that one has gone", async () => {
  await using node = await PreemptedNode.start(2, CLASSES);
  const lease = await node.hold(await node.client("ada", "default"), 2);
  const eve = await node.client("eve", "urgent");
  const gone = new AbortController();
  const first = await node.wait(eve, 1, MAX_LEASE_WAIT_MS, gone.signal);
  const max = await node.client("max", "urgent");
  await node.wait(max, 1, MAX_LEASE_WAIT_MS);
  await until(async () => {
    const { waiting } = await node.test.operator.queue();
    return waiting.every(({ reason }) => /leave/.test(reason.message));
  }, () => "both count on it");
  assertEquals((await node.leave())?.map(({ lease }) => lease), [lease]);
  for (let i = 0; i < 5; i++) {
    node.clock.nowMs += 5100;
    await node.leave();
    await node.test.operator.tokens();
  }
  gone.abort();
  await first.granted.catch(() => {});
  await until(
    async () => (await node.test.operator.queue()).waiting.length === 1,
    () => "the first request has gone",
  );
  await until(async () => {
    node.clock.nowMs += 100;
    return (await node.leave())?.some((each) => each.lease === lease) ?? false;
  }, () => "it leaves for the other request");
});

Deno.test("a node that leases leave for a request is reserved for no other one before it, if another node is large enough", async () => {
  await using node = await PreemptedNode.start(3, CLASSES);
  const ada = await node.client("ada", "default");
  const eve = await node.client("eve", "urgent");
  const lease = await node.hold(ada, 2);
  await node.hold(eve, 1);
  const { node: other } = await node.test.register("n2", { cores: 3 });
  const leases = [];
  for (const [client, workers] of [[ada, 2], [eve, 1]] as const) {
    const { lease } = await client.takeLease({ workers, memoryBytes: 0, termMs: 3_600_000 });
    await node.test.node.reportLease(other, lease, { epoch: 1, state: "claimed", workers });
    leases.push({ lease, workers });
  }
  const max = await node.client("max", "urgent");
  await node.wait(max, 3, MAX_LEASE_WAIT_MS); // can preempt nothing, since leases of its own class are there
  const { granted } = await node.wait(max, 1, MAX_LEASE_WAIT_MS);
  assertEquals((await node.leave())?.map(({ lease }) => lease), [lease]);
  for (let passedMs = 0; passedMs < MAX_PASSED_MS; passedMs += HEARTBEAT_MS) {
    node.clock.nowMs += HEARTBEAT_MS;
    await node.leave();
    await node.test.node.heartbeat(other, { epoch: 1, leases });
  }
  await node.ended(lease);
  assertEquals((await within(5000, "the grant", granted)).grants[0]?.name, "n1");
});
