/** `POST /v1/reclaim`: what ends the wait for a node that is free. */

import { assertEquals, assertRejects } from "@std/assert";
import { NodeReports } from "../../../../manager/resource/node_reports.ts";
import { ManagerRefusedError } from "../../../../runtime/http/manager_refused.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";
import { until, within } from "../../../support/waiting.ts";

const small = { workers: 1, memoryBytes: 2 ** 20, termMs: 60_000 };
const never = new AbortController().signal;

/** A request that waits for longer than the test. */
const patient = { name: "a", by: "slurm", graceMs: 0, waitMs: 20_000 };
const hasty = { ...patient, waitMs: 0 };

Deno.test("`reclaimNode()` drains a node, and waits until it runs no lease and no executor", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const { node } = await test.register("a");
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 1 });
  let lentRevision: number | undefined;
  const beat = async (leases: readonly { lease: string; workers: number }[], running: number) => {
    const executors = { running, waiting: running, pooled: 0, cold: 0 };
    const confirms = lentRevision === undefined ? {} : { lentRevision };
    const body = { epoch: 1, leases, executors, ...confirms };
    lentRevision = (await test.node.heartbeat(node, body)).lent.revision;
  };
  assertEquals(
    await test.node.reclaimNode(hasty),
    { node, isFree: false, isLost: false, leasedCores: 1 },
  );
  const reclaimed = test.operator.reclaimNode(patient);
  const isDraining = async () => (await test.client.nodes()).nodes[0]!.revision !== lentRevision;
  await until(isDraining, () => "it drains");
  await beat([{ lease, workers: 1 }], 2);
  await beat([{ lease, workers: 1 }], 2);
  await test.node.reportLease(node, lease, { epoch: 1, state: "ended", workers: 1 });
  await beat([], 1);
  assertEquals((await test.node.reclaimNode(hasty)).isFree, false); // and it counts as another drain
  await beat([], 0);
  await beat([], 0);
  const free = { node, isFree: true, isLost: false, leasedCores: 0 };
  assertEquals(await within(5000, "the response", reclaimed), free);
  assertEquals((await test.client.nodes()).nodes[0]!.drainedBy, ["slurm"]);
});

Deno.test("`reclaimNode()` does not wait for a lost node, nor for one that is removed", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node } = await test.register("a");
  clock.nowMs += 60_000;
  assertEquals(
    await within(5000, "the response", test.node.reclaimNode(patient)),
    { node, isFree: false, isLost: true, leasedCores: 0 },
  );
  await test.node.heartbeat(node, { epoch: 1, leases: [] });
  const reclaimed = test.node.reclaimNode(patient);
  const drains = async () => (await test.client.nodes()).nodes[0]!.drainedBy.length === 1;
  await until(drains, () => "it drains");
  await test.operator.removeNode(node);
  assertEquals((await within(5000, "the response", reclaimed)).isFree, true);
});

Deno.test("`reclaimNode()` refuses unknown nodes, and names that are none", async () => {
  await using test = await TestManager.start();
  const refused = (name: string) =>
    assertRejects(() => test.node.reclaimNode({ ...hasty, name }), ManagerRefusedError);
  assertEquals((await refused("b")).code, "not-found");
  assertEquals((await refused("a b")).code, "bad-request");
});

Deno.test("`NodeReports` ends a wait by a report, in time, by a signal, or at its end", async () => {
  const reports = new NodeReports(2);
  const wait = async (node: string, waitMs: number, signal = never) => {
    using report = reports.await(node);
    return await report.within(waitMs, signal);
  };
  const [a, b] = [wait("a", 60_000), wait("b", 1)];
  assertEquals(await wait("c", 60_000), false, "too many wait");
  reports.notify("a");
  reports.notify("c");
  assertEquals([await a, await b], [true, false]);
  {
    using early = reports.await("a");
    reports.notify("a");
    assertEquals(await early.within(60_000, never), true, "it came before the wait");
  }
  const ended = new AbortController();
  const given = wait("a", 60_000, ended.signal);
  ended.abort(new Error("gone"));
  await assertRejects(() => given, Error, "gone");
  await assertRejects(() => wait("a", 60_000, ended.signal), Error, "gone");
  const last = wait("a", 60_000);
  reports.close();
  assertEquals([await last, await wait("a", 60_000)], [false, false]);
});
