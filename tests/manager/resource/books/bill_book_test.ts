/** Bills are complete, with reports lost or repeated, and after restarts. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import {
  type BillPageQuery,
  type BillReport,
  RESERVED_EPOCH,
} from "../../../../runtime/http/bill_api.ts";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { ManagerRefusedError } from "../../../../runtime/http/manager_refused.ts";
import { BillBook } from "../../../../manager/resource/books/bill_book.ts";
import { KEEP_ENDED_MS } from "../../../../manager/resource/policy.ts";
import { MemoryStore } from "../../../../manager/resource/store/memory_store.ts";
import type { LeaseRow, Store, TokenRow } from "../../../../manager/resource/store/store.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";
import { testLogger } from "../../../support/manager/book_context.ts";
import { TwiceStore } from "../../../support/manager/twice_store.ts";

const operator: TokenRow = { hash: "o", role: "operator", name: "operator" };

function totals(lease: string, ns: number, more: Partial<BillReport> = {}): BillReport {
  return {
    lease,
    epoch: 1,
    workers: 2,
    memoryBytes: 2 ** 30,
    sinceMs: 1000,
    heldNs: `${ns}`,
    computeNs: `${ns >> 1}`,
    pollNs: `${ns >> 2}`,
    ...more,
  };
}

/** Takes a lease of the test's client, claimed on a node. */
async function takeLease(test: TestManager, node: string): Promise<string> {
  const { lease } = await test.client.takeLease({
    workers: 2,
    memoryBytes: 2 ** 30,
    termMs: 60_000,
  });
  await test.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 2 });
  return lease;
}

Deno.test("a bill is the highest reported total, also after a restart", async () => {
  const test = await TestManager.start();
  const { node } = await test.register("a");
  const lease = await takeLease(test, node);
  const heartbeat = (manager: TestManager, ns: number) =>
    manager.node.heartbeat(node, {
      epoch: 1,
      leases: [{ lease, workers: 2 }],
      bills: [totals(lease, ns)],
    });
  await heartbeat(test, 900);
  await heartbeat(test, 900);
  await heartbeat(test, 700);
  await test.stop();
  await using again = await TestManager.start({}, test.dir);
  await heartbeat(again, 800);
  const { bills: [bill] } = await again.operator.bills();
  assertEquals(
    { client: bill!.client, held: bill!.heldNs, compute: bill!.computeNs, poll: bill!.pollNs },
    { client: "client", held: "900", compute: "450", poll: "225" },
  );
  await again.node.reportLease(node, lease, {
    epoch: 1,
    state: "ended",
    workers: 2,
    bill: totals(lease, 1000),
  });
  assertEquals((await again.operator.bills()).bills.map(({ heldNs }) => heldNs), ["1000"]);
});

Deno.test("a client sees only its own bills, an operator those of the query", async () => {
  await using test = await TestManager.start({ prices: { coreSecond: 0.5 } });
  const { node } = await test.register("a");
  const lease = await takeLease(test, node);
  await test.node.heartbeat(node, { epoch: 1, leases: [], bills: [totals(lease, 5)] });
  const { token } = await test.operator.createToken({ role: "client", name: "ada" });
  using ada = new ManagerClient({ url: test.url, token });
  assertEquals((await ada.bills()).bills, []);
  assertEquals((await ada.bills({ client: "client" })).bills, []);
  assertEquals((await test.client.bills()).bills.length, 1);
  assertEquals((await test.operator.bills({ client: "ada" })).bills, []);
  const { bills: [bill], nowMs, prices } = await test.operator.bills({ client: "client" });
  assertEquals(prices, { coreSecond: 0.5 });
  assertEquals((await test.operator.bills({ sinceMs: bill!.untilMs })).bills.length, 1);
  assertEquals((await test.operator.bills({ sinceMs: nowMs + 1 })).bills, []);
  await assertRejects(
    () => test.operator.bills({ client: "no name!" }),
    ManagerRefusedError,
    "no name",
  );
  await assertRejects(() => test.operator.bills({ sinceMs: -1 }), ManagerRefusedError, "since");
});

Deno.test("pages of bills list each bill once, with bills that grow or are added between them", async () => {
  await using test = await TestManager.start();
  const { node } = await test.register("a", { cores: 64, memoryBytes: 2 ** 40 });
  const leases: string[] = [];
  const report = (bills: BillReport[]) =>
    test.node.heartbeat(node, { epoch: 1, leases: [], bills });
  for (let i = 0; i < 5; i++) {
    leases.push(await takeLease(test, node));
    await report([totals(leases[i]!, 5, { sinceMs: 1000 + (i >> 1) })]); // some have the same time of admission
  }
  const seen: string[] = [];
  let after: string | undefined;
  for (let page = 0; page < 3; page++) {
    const query = { limit: 2, ...(after === undefined ? {} : { after }) };
    const { bills, next } = await test.operator.bills(query);
    seen.push(...bills.map(({ lease }) => lease));
    assertEquals(next === undefined, page === 2);
    after = next;
    await report(leases.map((lease, i) => totals(lease, 9 + page, { sinceMs: 1000 + (i >> 1) })));
    const late = await takeLease(test, node);
    await report([totals(late, 1, { sinceMs: 1 })]); // before all others
  }
  assertEquals(seen.sort(), leases.sort());
  const all = await test.operator.allBills({ sinceMs: 1 });
  assertEquals([all.bills.length, "next" in all], [8, false]);
  assertEquals((await test.client.bills({ limit: 8 })).next, undefined);
  const { next } = await test.client.bills({ limit: 7 });
  assertEquals((await test.client.bills({ after: next! })).bills.length, 1);
  for (
    const [query, message] of [
      [{ limit: 0 }, 'limit "0" is not 1 to 1000'],
      [{ limit: 1001 }, "limit"],
      [{ after: "x" }, 'after "x" is not the `next` of a response'],
      [{ after: `${next}0`.repeat(100) }, "after"],
    ] as const
  ) await assertRejects(() => test.operator.bills(query), ManagerRefusedError, message);
});

Deno.test("pages by growth list every bill, with bills that grow between the pages", async () => {
  await using test = await TestManager.start();
  const { node } = await test.register("a", { cores: 64, memoryBytes: 2 ** 40 });
  const leases = await Promise.all(Array.from({ length: 6 }, () => takeLease(test, node)));
  const bills = (ns: number) => leases.map((lease) => totals(lease, ns));
  await test.node.heartbeat(node, { epoch: 1, leases: [], bills: bills(5) });
  let pages = 0;
  class Reader extends ManagerClient {
    override async bills(query: BillPageQuery) {
      // Half of the bills grow before each of the first pages.
      if (++pages < 5) {
        const grown = bills(5 + pages).filter((_, i) => i % 2 === pages % 2);
        await test.node.heartbeat(node, { epoch: 1, leases: [], bills: grown });
      }
      return await super.bills(query);
    }
  }
  using reader = new Reader({ url: test.url, token: test.token("operator") });
  const all = await reader.allBills({ sinceMs: 1, limit: 2 });
  assertEquals(all.bills.map(({ lease }) => lease).sort(), leases.sort());
  assert(pages > 3, `${pages} pages`); // some were listed again
  assert(all.bills.some(({ heldNs }) => heldNs === "9"), "the higher totals are missing");
});

Deno.test("a page of bills is bounded, and further pages have the rest", async () => {
  const store = new TwiceStore(new MemoryStore());
  await store.transact((tx) => {
    for (let i = 0; i < 2001; i++) {
      tx.putBill({
        lease: `lease ${i}`,
        node: "node",
        epoch: 1,
        client: "c",
        account: null,
        workers: 1,
        memoryBytes: 1,
        sinceMs: i,
        untilMs: i,
        heldNs: 1n,
        computeNs: 0n,
        pollNs: 0n,
      });
    }
  });
  const book = new BillBook({ store, clock: () => 1, log: testLogger() }, {});
  const first = await book.list(operator, {});
  assertEquals([first.bills.length, first.next], [1000, "999.lease 999.node.1"]);
  const after = { ms: 999, lease: "lease 999", node: "node", epoch: 1 };
  const second = await book.list(operator, { after });
  assertEquals([second.bills.length, second.bills[0]!.lease], [1000, "lease 1000"]);
});

Deno.test("a bill outlives its lease, and still grows after the lease is deleted", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node } = await test.register("a");
  const lease = await takeLease(test, node);
  await test.node.heartbeat(node, { epoch: 1, leases: [], bills: [totals(lease, 5)] });
  assertEquals((await test.operator.bills()).bills.length, 1);
  await test.client.releaseLease(lease);
  clock.nowMs += 2 * KEEP_ENDED_MS;
  await assertRejects(async () => {
    for (let i = 0; i < 100; i++) {
      await test.client.releaseLease(lease); // until the sweep has deleted it
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
  await test.node.heartbeat(node, { epoch: 1, leases: [], bills: [totals(lease, 9)] });
  assertEquals((await test.operator.bills()).bills.map(({ heldNs }) => heldNs), ["9"]);
});

Deno.test("a node cannot report a bill for a lease that it was never offered", async () => {
  await using test = await TestManager.start();
  const { node } = await test.register("a");
  const lease = "f".repeat(32);
  await test.node.heartbeat(node, { epoch: 1, leases: [], bills: [totals(lease, 5)] });
  const own = await takeLease(test, node);
  const { node: other } = await test.register("b");
  await test.node.heartbeat(other, { epoch: 1, leases: [], bills: [totals(own, 5)] });
  assertEquals((await test.operator.bills()).bills, []);
});

Deno.test("totals of a removed node are billed when it registers again under another id", async () => {
  await using test = await TestManager.start();
  const { node: old } = await test.register("a");
  const lease = await takeLease(test, old);
  const { node: up } = await test.register("b");
  await test.operator.removeNode(old);
  const { node, epoch } = await test.register("a");
  const report = (bill: BillReport) =>
    test.node.heartbeat(node, { epoch, leases: [], bills: [bill] });
  const billed = async () =>
    (await test.operator.bills()).bills.map(({ node, heldNs }) => [node, heldNs]);
  await report(totals(lease, 4));
  await report(totals(lease, 5, { node: up }));
  assertEquals(await billed(), [], "neither the new node nor another one had it");
  await report(totals(lease, 6, { node: old }));
  await report(totals(lease, 7, { node: old }));
  assertEquals(await billed(), [[old, "7"]]);
});

Deno.test("a node cannot report totals in the name of another registered node", async () => {
  await using test = await TestManager.start();
  const { node } = await test.register("a");
  const lease = await takeLease(test, node);
  const { node: other } = await test.register("b");
  await test.node.heartbeat(node, { epoch: 1, leases: [], bills: [totals(lease, 5, { node })] });
  await test.node.heartbeat(other, { epoch: 1, leases: [], bills: [totals(lease, 9, { node })] });
  assertEquals((await test.operator.bills()).bills.map(({ heldNs }) => heldNs), ["5"]);
});

Deno.test("reports that could not be written are kept for the next write", async () => {
  const kept = new TwiceStore(new MemoryStore());
  await kept.transact((tx) => addLease(tx, "a"));
  let broken = true;
  const store: Store = {
    transact: (change) => broken ? Promise.reject(new Error("disk full")) : kept.transact(change),
    close: () => kept.close(),
  };
  const book = new BillBook({ store, clock: () => 1, log: testLogger() }, {});
  await assertRejects(() => book.recordLast("node", totals("a", 7)), Error, "disk full");
  broken = false;
  assertEquals((await book.list(operator, {})).bills.map(({ heldNs }) => heldNs), ["7"]);
});

Deno.test("each bill equals the last total of its lease, with reports lost, repeated or late, and after restarts", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("grow" as const), lease: fc.nat(2), ns: fc.nat(1000) }),
    fc.record({ kind: fc.constantFrom("lose", "deliver", "again") }),
    fc.record({ kind: fc.constantFrom("flush", "kill") }),
  );
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const store = new TwiceStore(new MemoryStore());
    const leases = ["a", "b", "c"];
    await store.transact((tx) => leases.forEach((lease) => addLease(tx, lease)));
    const open = () => new BillBook({ store, clock: () => 1, log: testLogger() }, {});
    let book = open();
    const held = [0, 0, 0];
    const sent: BillReport[][] = [];
    for (const step of steps) {
      if ("ns" in step) {
        held[step.lease]! += step.ns;
        sent.push(leases.map((lease, i) => totals(lease, held[i]!)));
      } else if (step.kind === "lose") sent.shift();
      else if (step.kind === "deliver") book.record("node", sent.pop() ?? []);
      else if (step.kind === "again") book.record("node", sent[0] ?? []);
      else if (step.kind === "flush") await book.flush();
      else book = open(); // loses the pending reports
    }
    // A node repeats its totals until they are acknowledged.
    for (const [i, lease] of leases.entries()) {
      await book.recordLast("node", totals(lease, held[i]!));
    }
    for (const late of sent) book.record("node", late);
    await book.flush();
    const { bills } = await open().list(operator, {});
    assertEquals(
      bills.map(({ lease, heldNs }) => [lease, heldNs]),
      leases.map((lease, i) => [
        lease,
        `${held[i]}`,
      ]),
    );
  }));
});

function addLease(tx: Parameters<Parameters<Store["transact"]>[0]>[0], id: string): void {
  const lease: LeaseRow = {
    id,
    client: "c",
    account: null,
    workers: 2,
    memoryBytes: 2 ** 30,
    root: id,
    rootWorkers: 2,
    rootMemoryBytes: 2 ** 30,
    issuedMs: 1,
    expiresMs: 9,
    endedMs: null,
    endReason: null,
  };
  tx.putLease(lease);
  tx.putAllocation({
    lease: id,
    node: "node",
    workers: 2,
    memoryBytes: 2 ** 30,
    reservedWorkers: 0,
    state: "claimed",
    claimByMs: 2,
    claimedMs: 2,
    endReason: null,
  });
}

Deno.test("a reservation without a claim counts in the quota, then in the rate, then in the bill", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  await test.register("a", { cores: 8 });
  const quota = { workers: 4, requestsPerSecond: 3 };
  const { token } = await test.operator.createToken({ role: "client", name: "idle", quota });
  using idle = new ManagerClient({ url: test.url, token });
  const take = () => idle.takeLease({ workers: 4, memoryBytes: 2 ** 20, termMs: 60_000 });
  const { lease } = await take();
  assertEquals([await refusal(take), await refusal(take)], ["quota", "quota"]);
  const headers = { authorization: `Bearer ${token}` };
  const limited = await fetch(`${test.url}/v1/leases`, { headers });
  assertEquals([limited.status, (await limited.json()).error.code], [429, "too-many-requests"]);
  clock.nowMs += 2500; // the candidate has lapsed after 2 s
  await test.operator.nodes();
  const { bills } = await test.operator.bills();
  assertEquals(
    bills.map(({ client, epoch, workers, heldNs }) => [client, epoch, workers, heldNs]),
    [["idle", RESERVED_EPOCH, 4, "2000000000"]],
  );
  assertEquals(bills[0]!.lease, lease);
  const { lease: second } = await take(); // without a reservation, which costs nothing
  clock.nowMs += 2500;
  await test.operator.nodes();
  assertEquals((await test.operator.bills()).bills.map((bill) => bill.lease), [lease]);
  assert(second !== lease);
});

Deno.test("a lease that is claimed too late is billed by the totals of its node, not twice", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node } = await test.register("a", { cores: 8 });
  const { lease } = await test.client.takeLease({ workers: 2, memoryBytes: 64, termMs: 60_000 });
  clock.nowMs += 2500;
  await test.operator.nodes();
  await test.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 2 });
  await test.node.heartbeat(node, {
    epoch: 1,
    leases: [{ lease, workers: 2 }],
    bills: [totals(lease, 5e9, { memoryBytes: 64 })],
  });
  const { bills } = await test.operator.bills();
  const billed = bills.map(({ epoch, workers, heldNs }) => [epoch, workers, heldNs]);
  assertEquals(billed.sort(), [[RESERVED_EPOCH, 2, "0"], [1, 2, "5000000000"]]);
});

/** The code with which a request is refused. */
async function refusal(request: () => Promise<unknown>): Promise<string> {
  return await request().then(() => "granted", (error) => error.code ?? error.reason);
}
