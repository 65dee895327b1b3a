/** A node's totals reach the bills complete: the meters, the reports and the kept bills, on a clock of the test. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { LeaseMeter } from "../../../../manager/executor/bills/lease_meter.ts";
import { NodeBills } from "../../../../manager/executor/bills/node_bills.ts";
import { BillBook } from "../../../../manager/resource/books/bill_book.ts";
import { MemoryStore } from "../../../../manager/resource/store/memory_store.ts";
import type { TokenRow } from "../../../../manager/resource/store/store.ts";
import { type BillReport, MAX_HEARTBEAT_BILLS } from "../../../../runtime/http/bill_api.ts";
import { testLogger } from "../../../support/manager/book_context.ts";
import { TwiceStore } from "../../../support/manager/twice_store.ts";

const operator: TokenRow = { hash: "o", role: "operator", name: "operator" };
const about = (lease: string) => ({
  lease,
  node: "node",
  epoch: 1,
  workers: 1,
  memoryBytes: 1,
  sinceMs: 1,
});

const LEASES = ["a", "b", "c"];

const step = fc.oneof(
  fc.record({ kind: fc.constantFrom("admit", "end"), lease: fc.constantFrom(...LEASES) }),
  fc.record({ kind: fc.constant("pass" as const), us: fc.nat(10_000_000) }),
  fc.record({
    // The request is lost; it arrives and its response is lost; both arrive; an old request arrives once more.
    kind: fc.constantFrom("request-lost", "response-lost", "received", "repeated", "flush", "kill"),
  }),
);

Deno.test("each bill equals the time from admission to end, with messages lost, repeated or late, and after restarts", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      let nowUs = 5_000_000;
      const nowMs = () => nowUs / 1000;
      const store = new TwiceStore(new MemoryStore());
      await store.transact((tx) => LEASES.forEach((id) => offer(tx, id)));
      const open = () => new BillBook({ store, clock: () => 1, log: testLogger() }, {});
      let book = open();
      const bills = new NodeBills();
      const meters = new Map<string, LeaseMeter>();
      const spans = new Map<string, { fromUs: number; toUs?: number }>();
      const sent: BillReport[][] = [];
      const end = (lease: string) => {
        const span = spans.get(lease);
        if (!span || span.toUs !== undefined) return;
        meters.get(lease)!.end();
        span.toUs = nowUs;
      };
      for (const step of steps) {
        if ("us" in step) nowUs += step.us;
        else if ("lease" in step) {
          if (step.kind === "end") end(step.lease);
          else if (!spans.has(step.lease)) {
            const meter = new LeaseMeter(about(step.lease), nowMs);
            meters.set(step.lease, meter);
            bills.open(meter);
            spans.set(step.lease, { fromUs: nowUs });
          }
        } else if (step.kind === "flush") await book.flush();
        else if (step.kind === "kill") {
          book = open();
        } else if (step.kind === "repeated") book.record("node", sent.shift() ?? []);
        else {
          const due = bills.due();
          sent.push(due);
          if (step.kind === "request-lost") continue;
          const running = LEASES.filter((lease) => meters.get(lease)?.ended === false);
          const leases = running.map((lease) => ({ lease, workers: 1 }));
          await book.recordHeartbeat("node", { epoch: 1, leases, bills: due });
          if (step.kind === "received") bills.acknowledge(due);
        }
      }
      LEASES.forEach(end);
      for (let i = 0; bills.due().length > 0; i++) {
        assertEquals(i < 2, true, "an acknowledged total is not reported again");
        const due = bills.due();
        await book.recordHeartbeat("node", { epoch: 1, leases: [], bills: due });
        bills.acknowledge(due);
      }
      book = open();
      for (const late of sent) book.record("node", late);
      const list = await book.list(operator, {});
      const billed = Object.fromEntries(list.bills.map((bill) => [bill.lease, bill.heldNs]));
      const held = [...spans].map(([lease, { fromUs, toUs }]) => [
        lease,
        `${BigInt(toUs! - fromUs) * 1000n}`,
      ]);
      assertEquals(billed, Object.fromEntries(held));
    }),
    { numRuns: 300 },
  );
});

Deno.test("the acknowledgment of a total from before the end does not settle the bill", () => {
  const bills = new NodeBills();
  const meter = new LeaseMeter(about("a"));
  bills.open(meter);
  const before = bills.due();
  meter.end();
  bills.acknowledge(before);
  const [last] = bills.due();
  assertEquals(last?.heldNs, meter.total().heldNs);
  bills.acknowledge([last!]);
  assertEquals(bills.due(), []);
});

Deno.test("bills that do not fit into one heartbeat are reported in turns", () => {
  const bills = new NodeBills();
  const count = MAX_HEARTBEAT_BILLS + 10;
  for (let i = 0; i < count; i++) bills.open(new LeaseMeter(about(`${i}`)));
  const reported = new Set<string>();
  for (let beat = 0; beat < 2; beat++) {
    const due = bills.due();
    assertEquals(due.length, MAX_HEARTBEAT_BILLS);
    for (const { lease } of due) reported.add(lease);
    bills.acknowledge(due);
  }
  assertEquals(reported.size, count);
});

function offer(tx: Parameters<Parameters<MemoryStore["transact"]>[0]>[0], id: string): void {
  const common = { workers: 1, memoryBytes: 1, endReason: null };
  const root = { root: id, rootWorkers: 1, rootMemoryBytes: 1 };
  tx.putLease({
    id,
    client: "c",
    account: null,
    issuedMs: 1,
    expiresMs: 9,
    endedMs: null,
    ...root,
    ...common,
  });
  tx.putAllocation({
    lease: id,
    node: "node",
    reservedWorkers: 0,
    state: "claimed",
    claimByMs: 2,
    claimedMs: 2,
    ...common,
  });
}
