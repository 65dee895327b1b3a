import { assertEquals, assertMatch } from "@std/assert";
import { drainsIn } from "../../../cli/report/drains.ts";
import { lentIn } from "../../../cli/report/lent.ts";
import { leasedIn } from "../../../cli/report/leased.ts";
import { type Bill, type BillReport, RESERVED_EPOCH } from "../../../runtime/http/bill_api.ts";
import type { ClusterEvent } from "../../../runtime/http/event_api.ts";
import type { LeaseEntry } from "../../../runtime/http/manager_api.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { rfaas } from "../../support/cluster/rfaas_command.ts";
import { FakeClock, TestManager } from "../../support/manager/test_manager.ts";

const bill = (fields: Partial<Bill>): Bill => ({
  lease: "a",
  node: "n",
  epoch: 1,
  client: "ada",
  workers: 2,
  memoryBytes: 1,
  sinceMs: 1000,
  untilMs: 5000,
  heldNs: `${4000e6}`,
  computeNs: "0",
  pollNs: "0",
  ...fields,
});

Deno.test("`leasedIn()` counts the part of each bill that is in the period", () => {
  const period = { sinceMs: 2000, untilMs: 4000 };
  const seconds = (...bills: Bill[]) =>
    leasedIn(period, bills).map(({ leases, coreNs }) => [leases, Number(coreNs) / 1e9]);
  assertEquals(seconds(bill({})), [[1, 4]]); // it begins before and ends after the period
  assertEquals(seconds(bill({ sinceMs: 3500, heldNs: `${100e6}` })), [[1, 0.2]]);
  assertEquals(seconds(bill({ sinceMs: 3500 })), [[1, 1]]);
  assertEquals(seconds(bill({ heldNs: `${1500e6}` })), [[1, 1]]);
  assertEquals(seconds(bill({ heldNs: `${1000e6}` }), bill({ sinceMs: 4000 })), []);
  // Two nodes of one lease, and a reservation that was claimed too late and costs nothing.
  const late = bill({ epoch: RESERVED_EPOCH, heldNs: "0", sinceMs: 3000 });
  assertEquals(seconds(bill({}), bill({ node: "m", workers: 1 }), late), [[1, 6]]);
});

Deno.test("`lentIn()` counts the share of each hour that is in the period", () => {
  const hour = (hourMs: number, more = {}) => ({
    ...{ hourMs, fromMs: hourMs, untilMs: hourMs + 1000, coreMs: 8000 },
    ...more,
  });
  const of = (...hours: ReturnType<typeof hour>[]) => {
    const lent = lentIn({ sinceMs: 2500, untilMs: 4500 }, hours, [bill({})]);
    return lent && [lent.sinceMs, Number(lent.coreNs) / 1e9, Number(lent.leasedNs) / 1e9];
  };
  assertEquals(of(), undefined);
  assertEquals(of(hour(1000), hour(5000)), undefined);
  // The bill has two cores from 1000 to 5000.
  assertEquals(of(hour(2000), hour(3000), hour(4000)), [2500, 16, 4]);
  // Counted later than the begin of the period: so is what was leased.
  assertEquals(of(hour(3000, { fromMs: 3500, coreMs: 4000 }), hour(4000)), [3500, 8, 2]);
});

Deno.test("`lentIn()` leaves out what was leased while no resource manager counted", () => {
  const hours = [2000, 7000, 8000].map((hourMs) => ({
    ...{ hourMs, fromMs: hourMs, untilMs: hourMs + 1000, coreMs: 2000 },
  }));
  const bills = [bill({ sinceMs: 1000, heldNs: `${9000e6}` })];
  const { coreNs, leasedNs } = lentIn({ sinceMs: 0, untilMs: 9000 }, hours, bills)!;
  assertEquals([Number(coreNs) / 1e9, Number(leasedNs) / 1e9], [6, 6]);
});

Deno.test("`leasedIn()` sums by account and by client", () => {
  const bills = [
    bill({ client: "eve" }),
    bill({ client: "bob", account: "physics", lease: "b" }),
    bill({ client: "ada", account: "physics", lease: "c" }),
    bill({ client: "ada", account: "biology", lease: "d" }),
    bill({ client: "ada", account: "physics", lease: "e" }),
  ];
  const sums = leasedIn({ sinceMs: 0, untilMs: 9000 }, bills);
  assertEquals(sums.map(({ account, client, leases }) => [account, client, leases]), [
    ["biology", "ada", 1],
    ["physics", "ada", 2],
    ["physics", "bob", 1],
    [null, "eve", 1],
  ]);
});

const event = (seq: number, atMs: number, event: string, more: Partial<ClusterEvent> = {}) => ({
  ...{ seq, atMs, event, role: "operator", by: "o" },
  ...(event.startsWith("node-") ? { node: "n" } : {}),
  ...more,
});
const started = event(1, 1, "manager-started", { role: "resource-manager" });
const period = { sinceMs: 1000, untilMs: 60_000 };

Deno.test("`drainsIn()` measures until the last lease on the node ended", () => {
  const events = [started, event(2, 2000, "node-drains", { message: "grace period 9 ms" })];
  const of = (...bills: Bill[]) => {
    const known = drainsIn(period, { events, bills, running: [] });
    const [{ by, drains, p50Ms, p99Ms }] = known!.by as [NonNullable<typeof known>["by"][0]];
    return [by, drains, p50Ms, p99Ms];
  };
  assertEquals(of(), ["operator", 1, 0, 0]);
  assertEquals(of(bill({})), ["operator", 1, 3000, 3000]);
  assertEquals(of(bill({}), bill({ lease: "b", heldNs: `${7000e6}` })).at(-1), 6000);
  assertEquals(of(bill({ node: "m" })).at(-1), 0);
  assertEquals(of(bill({ heldNs: `${500e6}` })).at(-1), 0); // it ended before
  assertEquals(of(bill({ sinceMs: 3900 })).at(-1), 5900); // its grant was signed before
  assertEquals(of(bill({ sinceMs: 4000 })).at(-1), 0);
  assertEquals(of(bill({ epoch: RESERVED_EPOCH })).at(-1), 0);
});

Deno.test("`drainsIn()` has no delay of a drain that was withdrawn or goes on", () => {
  const drain = event(2, 2000, "node-drains", { message: "grace period 9 ms, for slurm" });
  const of = (events: ClusterEvent[], running: LeaseEntry[] = []) =>
    drainsIn(period, { events: [started, drain, ...events], bills: [bill({})], running })!.by[0];
  const none = { by: "slurm", drains: 1, withdrawn: 0, unfinished: 0, p50Ms: null, p99Ms: null };
  assertEquals(of([event(3, 4000, "node-lends")]), { ...none, withdrawn: 1 });
  assertEquals(of([event(3, 4000, "node-lends", { node: "m" })])?.p50Ms, 3000);
  assertEquals(of([event(3, 6000, "node-lends")])?.p50Ms, 3000);
  const part = { node: "n", name: "n", workers: 2, state: "claimed" } as const;
  const lease = { lease: "a", client: "ada", workers: 2, memoryBytes: 1 };
  const running = (node: { state: "candidate" | "claimed" }, issuedMs = 1) => [
    { ...lease, issuedMs, expiresMs: 9, nodes: [{ ...part, ...node }] },
  ];
  assertEquals(of([], running(part)), { ...none, unfinished: 1 });
  assertEquals(of([], running({ state: "candidate" }))?.p50Ms, 3000);
  // The node was lent again, and has other leases now.
  assertEquals(of([event(3, 6000, "node-lends")], running(part, 6001))?.p50Ms, 3000);
});

Deno.test("`drainsIn()` counts a drain once whose grace period is changed, and again once the node was lent", () => {
  const forSlurm = (seq: number, atMs: number) =>
    event(seq, atMs, "node-drains", { message: "grace period 9 ms, for slurm" });
  const of = (...events: ClusterEvent[]) =>
    drainsIn(period, { events, bills: [bill({})], running: [] })!.by
      .map(({ by, drains, p50Ms }) => [by, drains, p50Ms]);
  assertEquals(of(forSlurm(2, 2000), forSlurm(3, 3000)), [["slurm", 1, 3000]]);
  const operator = event(3, 3000, "node-drains", { message: "grace period 9 ms" });
  assertEquals(of(forSlurm(2, 2000), operator), [["operator", 1, 2000], ["slurm", 1, 3000]]);
  const lent = event(3, 6000, "node-lends");
  assertEquals(of(forSlurm(2, 2000), lent, forSlurm(4, 7000)), [["slurm", 2, 0]]);
});

Deno.test("`drainsIn()` has percentiles of each cause, of drains in the period, and since when they are kept", () => {
  const events = [
    event(7, 5, "lease-granted", { lease: "x" }),
    event(8, 900, "node-drains"),
    ...Array.from(
      { length: 100 },
      (_, i) =>
        event(9 + i, 2000, "node-drains", {
          node: `${i}`,
          message: "grace period 0 ms, for slurm",
        }),
    ),
    event(200, 3000, "node-drains", { role: "node" }),
    event(201, 60_000, "node-drains"),
  ];
  const bills = Array.from(
    { length: 100 },
    (_, i) => bill({ node: `${i}`, heldNs: `${(1000 + i + 1) * 1e6}` }),
  );
  const known = drainsIn(period, { events, bills, running: [] })!;
  assertEquals(known.keptSinceMs, 900);
  assertEquals(known.by.map(({ by, drains, p50Ms, p99Ms }) => [by, drains, p50Ms, p99Ms]), [
    ["node", 1, 0, 0],
    ["slurm", 100, 50, 99],
  ]);
  const ofClient = events.filter(({ lease }) => lease !== undefined);
  assertEquals(drainsIn(period, { events: ofClient, bills, running: [] }), undefined);
});

Deno.test("`drainsIn()` looks once for the node of each bill, however many drains there are", () => {
  let reads = 0;
  const bills = Array.from({ length: 100 }, () => ({
    ...bill({}),
    get node() {
      reads++;
      return "other";
    },
  }));
  const events = Array.from(
    { length: 100 },
    (_, n) => event(n, 2000 + n, "node-drains", { node: `${n}` }),
  );
  const known = drainsIn({ sinceMs: 0, untilMs: 9000 }, { events, bills, running: [] })!;
  assertEquals(known.by[0]!.drains, 100);
  assertEquals(reads, 100);
});

Deno.test("rfaas report prints what was leased, and drains with their delays", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const startMs = clock.nowMs;
  const { node } = await test.register("n1");
  const request = { role: "client", name: "ada", account: "physics" } as const;
  const { token } = await test.operator.createToken(request);
  using ada = new ManagerClient({ url: test.url, token });
  const { lease } = await ada.takeLease({ workers: 2, memoryBytes: 64, termMs: 600_000 });
  await test.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 2 });
  const totals = (seconds: number): BillReport => ({
    ...{ lease, epoch: 1, workers: 2, memoryBytes: 64, sinceMs: startMs },
    ...{ heldNs: `${seconds}000000000`, computeNs: "0", pollNs: "0" },
  });
  const at = (seconds: number) => clock.nowMs = startMs + seconds * 1000;
  const beat = (seconds: number) =>
    test.node.heartbeat(node, {
      epoch: 1,
      leases: [{ lease, workers: 2 }],
      bills: [totals(seconds)],
    });
  at(10);
  await beat(10);
  await test.node.drainNode(node, { graceMs: 5000, by: "slurm" });
  const since = new Date(startMs).toISOString();
  const report = (args: string[], secret = test.token("operator")) => {
    const env = { RFAAS_MANAGER: test.url, RFAAS_TOKEN: secret };
    return rfaas(["report", "--since", ...args], { env });
  };
  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await report([...args, "--json"]);
    assertEquals(code, 0, stderr);
    return JSON.parse(stdout);
  };
  at(11);
  const drained = { by: "slurm", drains: 1, withdrawn: 0 };
  assertEquals((await json(since)).drains.by, [
    { ...drained, unfinished: 1, p50Ms: null, p99Ms: null },
  ]);

  at(13);
  const last = { epoch: 1, state: "ended", workers: 2, bill: totals(13) } as const;
  await test.node.reportLease(node, lease, last);
  at(20);
  const { stdout } = await report([since]);
  assertMatch(
    stdout,
    /^From \S+Z to \S+Z\n\nACCOUNT +CLIENT +LEASES +CORE-S\nphysics +ada +1 +26\ntotal +1 +26\n\nNodes had [\d.]+ core-s to lend, of which [\d.]+ % were leased.*\n\nDRAINED BY +DRAINS +WITHDRAWN +UNFINISHED +P50-MS +P99-MS\nslurm +1 +0 +0 +3000 +3000\n$/,
  );
  const { lent, ...whole } = await json(since);
  // The clock of this test jumps, which counts in part.
  assertMatch(`${lent.coreNs} ${lent.leasedNs} ${lent.sinceMs}`, /^\d+ \d+ \d+$/);
  assertEquals(whole, {
    ...{ nowMs: startMs + 20_000, sinceMs: startMs, untilMs: startMs + 20_000 },
    leased: [{ account: "physics", client: "ada", leases: 1, coreNs: "26000000000" }],
    drains: {
      keptSinceMs: startMs,
      by: [{ ...drained, unfinished: 0, p50Ms: 3000, p99Ms: 3000 }],
    },
  });
  const part = await json(since, "--until", new Date(startMs + 4000).toISOString());
  assertEquals([part.leased[0].coreNs, part.drains.by], ["8000000000", []]);
  assertMatch((await report(["2026-11-01"])).stdout, /\n\nDrains before 2027-\S+ are not known\n$/);
  // A client's token has no drains in its report.
  const own = await report([since], token);
  assertMatch(own.stdout, /physics +ada +1 +26\ntotal +1 +26\n$/);

  const reversed = await report([since, "--until", "2026-11-01"]);
  assertEquals([reversed.code, /the period ends before it begins/.test(reversed.stderr)], [
    1,
    true,
  ]);
  assertEquals((await rfaas(["report"])).code, 2);
  assertEquals((await report(["yesterday"])).code, 2);
});
