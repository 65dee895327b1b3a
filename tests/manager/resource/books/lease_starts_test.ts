/** Which starts of leases are counted, as nodes report them. */
import { assert, assertEquals } from "@std/assert";
import { LeaseStarts } from "../../../../manager/resource/books/lease_starts.ts";
import { START_BOUNDS_MS } from "../../../../manager/resource/books/start_counts.ts";
import { MemoryStore } from "../../../../manager/resource/store/memory_store.ts";
import type { AllocationRow } from "../../../../manager/resource/store/store.ts";
import type { LeaseStart } from "../../../../runtime/http/heartbeat_api.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";
import { allocationRow, leaseRow } from "../../../support/manager/store_rows.ts";

const NOW_MS = 1_800_000_000_000;
const LEASE = "a".repeat(32);

/** What is counted, and a way to report starts of a lease with these parts. */
async function startsOf(parts: Record<string, Partial<AllocationRow>>) {
  const store = new MemoryStore();
  await store.transact((tx) => {
    tx.putLease(leaseRow(LEASE, { issuedMs: NOW_MS }));
    for (const [node, fields] of Object.entries(parts)) {
      const claimed = { state: "claimed", claimedMs: NOW_MS, ...fields } as const;
      tx.putAllocation(allocationRow(LEASE, node, claimed));
    }
  });
  const starts = new LeaseStarts();
  const report = async (node: string, fields: Partial<LeaseStart> = {}) => {
    const times = { admitMs: 0, bootMs: 0, startMs: 1 };
    const reported = [{ lease: LEASE, start: "pooled", ...times, ...fields } as const];
    const rows = await store.transact((tx) => starts.read(tx, node, reported));
    starts.record(node, reported, rows, NOW_MS);
  };
  const counted = () =>
    starts.counts.columns(NOW_MS).flatMap(({ pooled, cold }) => [
      ...pooled.flatMap((count, at) => count === 0 ? [] : [`${count} pooled ${boundOf(at)}`]),
      ...cold.flatMap((count, at) => count === 0 ? [] : [`${count} cold ${boundOf(at)}`]),
    ]);
  return { store, starts, report, counted };
}

function boundOf(bucket: number): number {
  return START_BOUNDS_MS[bucket] ?? Infinity;
}

Deno.test("the time of a start is the sum of its steps, with the wait for the grant", async () => {
  const { starts, report, counted } = await startsOf({ n1: { claimedMs: NOW_MS + 90 } });
  starts.granted(LEASE, 30);
  await report("n1", { start: "cold", admitMs: 40, bootMs: 60, startMs: 20 });
  assertEquals(
    starts.stepsOf({ id: LEASE, issuedMs: NOW_MS }, { node: "n1", claimedMs: NOW_MS + 90 }),
    { waitMs: 30, reachMs: 50, admitMs: 40, bootMs: 60, startMs: 20 },
  );
  assertEquals(counted(), ["1 cold 200"]);
});

Deno.test("a start that a node repeats is counted once", async () => {
  const { report, counted } = await startsOf({ n1: {} });
  await report("n1");
  await report("n1");
  assertEquals(counted(), ["1 pooled 1"]);
});

Deno.test("a heartbeat that is read twice before it is recorded is counted once", async () => {
  const { store, starts, counted } = await startsOf({ n1: {} });
  const times = { admitMs: 0, bootMs: 0, startMs: 1 };
  const reported = [{ lease: LEASE, start: "pooled", ...times } as const];
  const rows = await store.transact((tx) => starts.read(tx, "n1", [...reported, ...reported]));
  starts.record("n1", reported, rows, NOW_MS);
  starts.record("n1", reported, rows, NOW_MS);
  assertEquals(counted(), ["1 pooled 1"]);
});

Deno.test("a lease on several nodes is one start, of the slowest, and cold if one was", async () => {
  const { report, counted } = await startsOf({ n1: {}, n2: {}, n3: {} });
  await report("n2", { start: "cold", bootMs: 300 });
  await report("n1", { startMs: 4 });
  assertEquals(counted(), []);
  await report("n3", { startMs: 400 });
  assertEquals(counted(), ["1 cold 500"]);
});

Deno.test("a lease that may still be claimed elsewhere has not started", async () => {
  const open = { state: "candidate", claimedMs: null } as const;
  const { store, report, counted } = await startsOf({ n1: {}, n2: open, n3: open });
  await report("n1");
  assertEquals(counted(), []);
  await store.transact((tx) => {
    tx.putAllocation({ ...tx.allocation(LEASE, "n2")!, state: "claimed", claimedMs: NOW_MS });
    tx.putAllocation({ ...tx.allocation(LEASE, "n3")!, state: "ended" });
  });
  await report("n2");
  assertEquals(counted(), ["1 pooled 1"]);
});

Deno.test("a lease that has ended by the next heartbeat is counted, an unknown one is not", async () => {
  const { report, counted } = await startsOf({ n1: { state: "ended" } });
  await report("n1", { lease: "b".repeat(32) });
  assertEquals(counted(), []);
  await report("n1");
  assertEquals(counted(), ["1 pooled 1"]);
});

Deno.test("a heartbeat without the kind of a start is refused, with it the dashboard has the start", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node, epoch } = await test.register("a");
  const { lease } = await test.client.takeLease({
    workers: 2,
    memoryBytes: 2 ** 20,
    termMs: 60_000,
  });
  const times = { lease, admitMs: 1, bootMs: 2, startMs: 300 };
  const send = (start: object) =>
    fetch(`${test.url}/v1/nodes/${node}/heartbeat`, {
      method: "POST",
      headers: { authorization: `Bearer ${test.token("node")}` },
      body: JSON.stringify({ epoch, leases: [{ lease, workers: 2 }], starts: [start] }),
    }).then(async (response) => {
      await response.body?.cancel();
      return response.status;
    });
  assertEquals(await send(times), 400);
  assertEquals(await send({ ...times, start: "warm" }), 400);
  assertEquals(await send({ ...times, start: "cold" }), 200);
  const headers = { authorization: `Bearer ${test.token("client")}` };
  const live = await fetch(`${test.url}/ui/live`, { headers });
  const reader = live.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n\n")) {
    const { value, done } = await reader.read();
    assert(!done, "the stream has ended");
    text += value;
  }
  await reader.cancel();
  const { starts } = JSON.parse(text.slice("data: ".length, text.indexOf("\n\n")));
  const cold = START_BOUNDS_MS.map((boundMs) => boundMs === 500 ? 1 : 0).concat(0);
  assertEquals(starts.columns, [
    { minute: clock.nowMs / 60_000, pooled: cold.map(() => 0), cold },
  ]);
});
