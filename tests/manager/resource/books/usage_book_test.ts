/** The usage of accounts: each bill counts once, however a start and its reports interleave. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import fc from "fast-check";
import { BillBook } from "../../../../manager/resource/books/bill_book.ts";
import { UsageBook } from "../../../../manager/resource/books/usage_book.ts";
import {
  COUNTED_HALF_LIVES,
  GRANT_COUNTS_AS_MS,
  USAGE_SLICES_PER_HALF_LIFE,
} from "../../../../manager/resource/policy.ts";
import { MemoryStore } from "../../../../manager/resource/store/memory_store.ts";
import type { BillRow } from "../../../../manager/resource/store/store.ts";
import { testLogger } from "../../../support/manager/book_context.ts";
import { billRow } from "../../../support/manager/store_rows.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";
import { TwiceStore } from "../../../support/manager/twice_store.ts";
import { until } from "../../../support/waiting.ts";

const HALF_LIFE_MS = 3_600_000;
const size = { workers: 2, memoryBytes: 2 ** 20 };

/** Lets a bill grow by a report, as the book of bills does. */
async function grow(store: TwiceStore, book: UsageBook, row: BillRow): Promise<void> {
  const count = book.growing();
  const before = await store.transact((tx) => {
    const before = tx.bill(row.lease, row.node, row.epoch);
    tx.putBill(row);
    return before;
  });
  count([{ before, after: row }]);
}

Deno.test("a grant counts at once, for the time until its nodes have reported it", () => {
  const clock = new FakeClock();
  const store = new TwiceStore(new MemoryStore());
  const book = new UsageBook({ store, clock: clock.read, log: testLogger() }, HALF_LIFE_MS);
  book.granted("client/ada", 3);
  assertEquals([book.of("client/ada"), book.of("client/bob")], [3 * GRANT_COUNTS_AS_MS, 0]);
});

Deno.test("each bill counts once, whether it grows before, while or after earlier bills are read", async () => {
  const bill = fc.record({
    lease: fc.constantFrom("a", "b", "c", "d"),
    workers: fc.integer({ min: 1, max: 8 }),
    /** How long before the start its last report was, in half-lives; above 6 it is not read. */
    age: fc.double({ min: 0.001, max: 5.9, noNaN: true }),
    heldMs: fc.integer({ min: 0, max: 1e6 }),
    /** After how many turns of the event loop it grows. */
    growsAt: fc.nat(80),
    growsByMs: fc.integer({ min: 1, max: 1e6 }),
  });
  const bills = fc.uniqueArray(bill, { selector: ({ lease }) => lease, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(bills, async (bills) => {
      const clock = new FakeClock();
      const store = new TwiceStore(new MemoryStore());
      const row = ({ lease, workers }: typeof bills[number], heldMs: number, untilMs: number) =>
        billRow(lease, "n", {
          client: lease,
          account: null,
          workers,
          untilMs: Math.round(untilMs),
          heldNs: BigInt(heldMs) * 1_000_000n,
        });
      const startMs = clock.nowMs;
      await store.transact((tx) => {
        for (const each of bills) {
          tx.putBill(row(each, each.heldMs, startMs - each.age * HALF_LIFE_MS));
        }
      });
      const book = new UsageBook({ store, clock: clock.read, log: testLogger() }, HALF_LIFE_MS);
      const reading = book.readEarlier();
      clock.nowMs += 1;
      for (let turn = 0; turn <= 80; turn++) {
        const due = bills.filter(({ growsAt }) => growsAt === turn);
        await Promise.all(
          due.map((each) =>
            grow(store, book, row(each, each.heldMs + each.growsByMs, clock.nowMs))
          ),
        );
      }
      await reading;
      const expected = (each: typeof bills[number]) =>
        each.workers * (each.growsByMs + each.heldMs * 2 ** -each.age);
      await book.close();
      for (const each of bills) {
        // A slice has one time for all of its bills.
        const used = book.of(`client/${each.lease}`);
        assertAlmostEquals(used, expected(each), 0.03 * expected(each) + 1e-3, each.lease);
      }
    }),
    { numRuns: 40 },
  );
});

Deno.test("a report without anything new, of a bill that is not read yet, does not count it twice", async () => {
  const clock = new FakeClock();
  const store = new TwiceStore(new MemoryStore());
  const row = billRow("a", "n", {
    client: "ada",
    account: null,
    workers: 1,
    untilMs: clock.nowMs - 1000,
    heldNs: 1_000_000_000n,
  });
  await store.transact((tx) => tx.putBill(row));
  const context = { store, clock: clock.read, log: testLogger() };
  const book = new UsageBook(context, HALF_LIFE_MS);
  const bills = new BillBook(context, {}, book);
  const totals = { heldNs: `${row.heldNs}`, computeNs: "0", pollNs: "0" };
  const { lease, epoch, workers, memoryBytes, sinceMs } = row;
  // The response to the first one was lost.
  for (let times = 0; times < 2; times++) {
    bills.record("n", [{ lease, epoch, workers, memoryBytes, sinceMs, ...totals }]);
    await bills.flush();
  }
  await book.readEarlier();
  assertAlmostEquals(book.of("client/ada"), 1000, 30);
});

Deno.test("a slice of earlier bills is read in a turn of its own, so that other work passes", async () => {
  const store = new TwiceStore(new MemoryStore());
  const { read: clock } = new FakeClock();
  const book = new UsageBook({ store, clock, log: testLogger() }, HALF_LIFE_MS);
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await book.readEarlier();
  isOver = true;
  await new Promise((resolve) => void setImmediate(resolve));
  assert(turns >= COUNTED_HALF_LIVES * USAGE_SLICES_PER_HALF_LIFE, `${turns} turns`);
});

Deno.test("a resource manager with classes counts what nodes report, and counts it again after a restart", async () => {
  const clock = new FakeClock();
  const options = { clock: clock.read, classes: { urgent: { priority: 1 } } };
  const used = async (test: TestManager) => {
    const gone = new AbortController();
    const request = { workers: 64, memoryBytes: 0, termMs: 60_000, waitMs: 60_000 };
    const waiting = test.client.takeLease(request, gone.signal).catch(() => {});
    let shown: number | undefined;
    await until(async () => {
      shown = (await test.operator.queue()).waiting[0]?.usedCoreSeconds;
      return shown !== undefined;
    }, () => "the request waits");
    gone.abort();
    await waiting;
    await until(
      async () => (await test.operator.queue()).waiting.length === 0,
      () => "it has left",
    );
    return shown!;
  };
  const test = await TestManager.start(options);
  const { node } = await test.register("a", { cores: 8 });
  assertEquals(await used(test), 0);
  const { lease } = await test.client.takeLease({ ...size, termMs: 60_000 });
  assertEquals(await used(test), 2);
  await test.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 2 });
  const report = (seconds: number) => {
    const totals = {
      sinceMs: clock.nowMs,
      heldNs: `${seconds}000000000`,
      computeNs: "0",
      pollNs: "0",
    };
    const bills = [{ lease, epoch: 1, ...size, ...totals }];
    return test.node.heartbeat(node, { epoch: 1, leases: [], bills });
  };
  await report(10);
  await report(10);
  await report(25);
  assertEquals(await used(test), 2 + 50);
  clock.nowMs += 24 * 3_600_000;
  assertEquals(await used(test), 26);
  await test.stop();
  await using again = await TestManager.start(options, test.dir);
  await until(async () => await used(again) > 0, () => "earlier bills are counted");
  const counted = await used(again);
  assert(Math.abs(counted - 25) <= 1, `${counted} of 25 core-seconds`);
});
