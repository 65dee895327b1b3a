/** The conformance suite of stores. Each store of test_stores.ts must pass it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { DatabaseSync } from "node:sqlite";
import { clearImmediate, setImmediate } from "node:timers";
import { KEPT_CLUSTER_EVENTS, KEPT_LEASE_EVENTS } from "../../../../manager/resource/policy.ts";
import type { EventRow } from "../../../../manager/resource/store/event_rows.ts";
import {
  type AllocationRow,
  type BillPlace,
  type BillRow,
  type LeaseRow,
  type NodeRow,
  placeOf,
  type Store,
  type Transaction,
} from "../../../../manager/resource/store/store.ts";
import {
  allocationRow,
  assertOrderOfNodes,
  billRow,
  eventRow,
  keyRow,
  leaseRow,
  nodeRow,
} from "../../../support/manager/store_rows.ts";
import { memory, sqlite, testEachStore } from "../../../support/manager/test_stores.ts";

const ids = ["a", "b", "c"];

/** The result of every read, in a defined order. */
function dump(tx: Transaction) {
  assertOrderOfNodes(tx);
  const byKey = (rows: readonly AllocationRow[]) =>
    [...rows].sort((a, b) => `${a.lease}${a.node}` < `${b.lease}${b.node}` ? -1 : 1);
  const rows = {
    nodes: tx.nodes(),
    byId: ids.map((id) => tx.node(id)),
    byName: ids.map((id) => tx.nodeNamed(`name-${id}`)),
    all: tx.leases(),
    running: tx.runningLeases(),
    pages: [undefined, "c", "d"].map((client) => leasePages(tx, client)),
    unreserved: tx.unreservedUntil("c"),
    leases: ids.map((id) => tx.lease(id)),
    expired: tx.expiredLeases(100).map(({ id }) => id).sort(),
    takenBy: tx.allocatedTo("c"),
    family: ids.map((root) => tx.leasesWithRoot(root).map(({ id }) => id).sort()),
    allocations: ids.map((id) => tx.allocationsOf(id)),
    one: tx.allocation("a", "b"),
    live: ids.map((id) => byKey(tx.liveAllocationsOn(id))),
    lapsed: byKey(tx.lapsedCandidates(21)),
    taken: ids.map((id) => tx.allocatedOn(id)),
    bills: [undefined, "c", "d"].flatMap((client) =>
      [undefined, 20].flatMap((sinceMs) => allPages(tx, client, sinceMs))
    ).map(billText),
    bill: ids.map((id) => tx.bill("a", id, 2)).map((row) => row && billText(row)),
    tokens: tx.tokens(),
    tokenPages: [tx.pageOfTokens("", 2), tx.pageOfTokens("a", 1)],
    token: ids.map((hash) => tx.token(hash)),
    keys: tx.keys(),
    lentHours: [tx.lentHours(0, 99), tx.lentHours(2, 1)],
    events: tx.allEvents(),
    lastEvent: tx.lastEvent(),
    eventPages: [undefined, "c"].map((client) => eventPages(tx, client)),
    latestMs: tx.latestMs(),
  };
  // Rows of SQLite have no prototype, which does not matter.
  return JSON.parse(JSON.stringify(rows)) as typeof rows;
}

/** The ids of all running leases in pages. */
function leasePages(tx: Transaction, client?: string): string[] {
  const rows: LeaseRow[] = [];
  for (;;) {
    const page = tx.pageOfLeases({ client, after: rows.at(-1), limit: 2 });
    assert(page.length <= 2);
    if (page.length === 0) break;
    rows.push(...page);
  }
  const all = tx.runningLeases().filter((row) => client === undefined || row.client === client);
  assertEquals(rows, all);
  return rows.map(({ id }) => id);
}

/** The numbers of all events in pages, and those of the last two. */
function eventPages(tx: Transaction, client?: string): number[] {
  const seqs: number[] = [];
  for (;;) {
    const { rows, more, missed } = tx.events({ client, after: seqs.at(-1), limit: 2 });
    assert(rows.length <= 2 && missed === 0);
    seqs.push(...rows.map(({ seq }) => seq));
    if (!more) break;
  }
  const all = tx.allEvents().filter((row) => client === undefined || row.client === client);
  assertEquals(seqs, all.map(({ seq }) => seq));
  const newest = tx.events({ client, newest: true, limit: 2 });
  assertEquals(newest.rows, all.slice(-2));
  return seqs;
}

/** All bills in pages. Checks that one large page has the same bills. */
function allPages(tx: Transaction, client?: string, sinceMs?: number): BillRow[] {
  const rows: BillRow[] = [];
  let after: BillPlace | undefined;
  for (;;) {
    const page = tx.bills({ client, sinceMs, after, limit: 2 });
    assert(page.length <= 2);
    if (page.length === 0) break;
    rows.push(...page);
    after = placeOf(page.at(-1)!, sinceMs !== undefined);
  }
  assertEquals(rows, tx.bills({ client, sinceMs, limit: 1000 }));
  return rows;
}

/** JSON has no bigint. */
function billText(row: BillRow) {
  const { heldNs, computeNs, pollNs } = row;
  return { ...row, heldNs: `${heldNs}`, computeNs: `${computeNs}`, pollNs: `${pollNs}` };
}

testEachStore((check, open) => {
  check("store: a change that throws writes nothing and rejects with its error", async () => {
    await using test = await open();
    const { store } = test;
    await store.transact((tx) => {
      tx.putNode(nodeRow("a"));
      tx.putLease(leaseRow("a"));
      tx.putAllocation(allocationRow("a", "a"));
    });
    const before = await store.transact(dump);
    const error = new Error("no");
    const thrown = await assertRejects(() =>
      store.transact((tx) => {
        tx.putNode(nodeRow("a", { name: "other", cores: 1 }));
        tx.putNode(nodeRow("b"));
        tx.markSeen("b", 70);
        tx.putLease(leaseRow("b"));
        tx.putAllocation(allocationRow("a", "a", { workers: 1, state: "claimed" }));
        tx.putAllocation(allocationRow("b", "a"));
        tx.forgetLeases(1000);
        tx.putBill(billRow("a", "a"));
        tx.replaceToken({ hash: "a", role: "client", name: "c" }, 1);
        tx.putKey(keyRow("k"));
        for (const lease of ["a", undefined]) tx.putEvent(eventRow(tx.lastEvent() + 1, lease));
        throw error;
      })
    );
    assert(thrown === error);
    assertEquals(await store.transact(dump), before);
  });

  check("store: simultaneous changes are made in order, each separately", async () => {
    await using test = await open();
    const add = (id: string, fail: boolean) =>
      test.store.transact((tx) => {
        tx.putNode(nodeRow(id));
        if (fail) throw new Error(`not ${id}`);
        return tx.nodes().map((node) => node.id).join("");
      });
    const answers = await Promise.allSettled([
      add("a", false),
      add("b", true),
      add("c", false),
      add("d", true),
    ]);
    assertEquals(
      answers.map((answer) => answer.status === "fulfilled" ? answer.value : answer.reason.message),
      ["a", "not b", "ac", "not d"],
    );
    const reopened = await test.reopen?.() ?? test.store;
    const rows = await reopened.transact((tx) => tx.nodes());
    assertEquals(rows, [nodeRow("a"), nodeRow("c")]);
  });

  check("store: changes that were requested before a close are made", async () => {
    await using test = await open();
    const changes = Array.from({ length: 1000 }, (_, at) =>
      test.store.transact((tx) => {
        tx.putNode(nodeRow("a", { epoch: (tx.node("a")?.epoch ?? 0) + 1 }));
        return at;
      }));
    const closed = test.store.close();
    assertEquals(await Promise.all(changes), Array.from({ length: 1000 }, (_, at) => at));
    await closed;
    const reopened = await test.reopen?.();
    const epoch = await reopened?.transact((tx) => tx.node("a")?.epoch);
    assertEquals(epoch ?? 1000, 1000);
  });

  check("store: a closed store refuses changes, and may be closed again", async () => {
    await using test = await open();
    await test.store.close();
    await test.store.close();
    await assertRejects(() => test.store.transact((tx) => tx.nodes()));
  });

  check("store: the last end of a worker's executor is found behind the grant", async () => {
    await using test = await open();
    await test.store.transact((tx) => {
      const put = (event: EventRow["event"], more: Partial<EventRow> = {}) =>
        tx.putEvent({ ...eventRow(tx.lastEvent() + 1, "a"), event, node: "n", ...more });
      put("executor-ended", { worker: 2, generation: 7 });
      put("lease-granted");
      put("executor-ended", { worker: 0, generation: 1 });
      put("executor-ended", { worker: 0, generation: 2 });
      put("executor-ended", { worker: 1, generation: 3, node: "m" });
      put("executor-ended", { worker: 1, generation: 4, lease: "b" });
    });
    const find = (...of: Parameters<Transaction["lastExecutorEnd"]>) =>
      test.store.transact((tx) => tx.lastExecutorEnd(...of)?.generation);
    assertEquals(await find("a", "n", 0), 2);
    assertEquals(await find("a", "m", 1), 3);
    assertEquals(await find("b", "n", 1), 4);
    assertEquals([await find("a", "n", 1), await find("a", "n", 2)], [undefined, undefined]);
  });

  check("store: the last events of each kind are kept, and no others", async () => {
    await using test = await open();
    const add = (store: Store, count: number, lease?: string) =>
      store.transact((tx) => {
        for (let n = 0; n < count; n++) tx.putEvent(eventRow(tx.lastEvent() + 1, lease));
      });
    await add(test.store, 3);
    for (let n = 0; n < 17; n++) await add(test.store, 1000, "a");
    await add(test.store, KEPT_CLUSTER_EVENTS);
    const [last, oldest] = [17_003 + KEPT_CLUSTER_EVENTS, 17_003 - KEPT_LEASE_EVENTS];
    const read = (store: Store, after: number) =>
      store.transact((tx) => {
        const { rows, more, missed } = tx.events({ after, limit: 3 });
        return { seqs: rows.map(({ seq }) => seq), more, missed };
      });
    const check = async (store: Store) => {
      assertEquals(await store.transact((tx) => tx.allEvents().length), last - oldest);
      assertEquals(await store.transact((tx) => tx.lastEvent()), last);
      const first = [1, 2, 3].map((n) => oldest + n);
      assertEquals(await read(store, 0), { seqs: first, more: true, missed: 0 });
      assertEquals(await read(store, 1), { seqs: first, more: true, missed: oldest - 1 });
      assertEquals(await read(store, oldest), { seqs: first, more: true, missed: 0 });
      assertEquals(await read(store, last - 1), { seqs: [last], more: false, missed: 0 });
      assertEquals(await read(store, last), { seqs: [], more: false, missed: 0 });
    };
    await check(test.store);
    const reopened = await test.reopen?.() ?? test.store;
    await check(reopened);
    await add(reopened, 1, "a");
    assertEquals(await read(reopened, last), { seqs: [last + 1], more: false, missed: 0 });
  });

  check("store: after any writes, all reads equal those of the memory store", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 40 }), async (changes) => {
        await using test = await open();
        await using model = await memory();
        for (const each of changes) {
          const [made, expected] = await Promise.all(
            [test.store, model.store].map((store) => store.transact(each).catch(String)),
          );
          assertEquals(made, expected);
          assertEquals(await test.store.transact(dump), await model.store.transact(dump));
        }
        if (test.reopen === undefined) return;
        assertEquals(
          withoutSeen(await (await test.reopen()).transact(dump)),
          withoutSeen(await model.store.transact(dump)),
        );
      }),
      { numRuns: 60 },
    );
  });
});

Deno.test("sqlite store: simultaneous changes share one commit", async () => {
  await using test = await sqlite();
  // A commit appends each changed page to the write-ahead log once.
  const file = () => Deno.statSync(`${test.path}-wal`).size;
  await test.store.transact((tx) => tx.putNode(nodeRow("a")));
  const before = file();
  await Promise.all(ids.map((id) => test.store.transact((tx) => tx.putNode(nodeRow(id)))));
  const together = file() - before;
  for (const id of ids) await test.store.transact((tx) => tx.putNode(nodeRow(id, { epoch: 2 })));
  assertEquals(file() - before - together, 3 * together);
});

Deno.test("sqlite store: a thousand changes do not block the event loop", async () => {
  await using test = await sqlite();
  const changes = Array.from(
    { length: 1000 },
    () => test.store.transact((tx) => tx.putNode(nodeRow("a"))),
  );
  let turns = 0;
  const turn = () => {
    turns++;
    immediate = setImmediate(turn);
  };
  let immediate = setImmediate(turn);
  await Promise.all(changes);
  clearImmediate(immediate);
  assert(turns >= 3, `${turns} turns`);
});

Deno.test("sqlite store: if a commit fails, all its changes are rejected and undone", async () => {
  await using test = await sqlite();
  await test.store.transact((tx) => tx.putNode(nodeRow("a")));
  const other = new DatabaseSync(test.path!);
  try {
    other.exec("BEGIN IMMEDIATE");
    const changes = ids.map((id) => test.store.transact((tx) => tx.putNode(nodeRow(id))));
    for (const each of changes) await assertRejects(() => each, Error, "locked");
    other.exec("ROLLBACK");
  } finally {
    other.close();
  }
  assertEquals(await test.store.transact((tx) => tx.nodes()), [nodeRow("a")]);
});

/** Writes to rows with few ids, so that they affect each other. */
const id = fc.constantFrom(...ids);
const ended = fc.option(fc.integer({ min: 50, max: 60 }));
/** The account of a lease or of a token. */
const accountOf = (id: string) => id === "b" ? null : `of-${id}`;
const writes: fc.Arbitrary<(tx: Transaction) => void>[] = [
  fc.tuple(id, fc.nat(9), fc.nat(99)).map(([at, cores, lastSeenMs]) => (tx) =>
    tx.putNode(nodeRow(at, { cores, lastSeenMs }))
  ),
  fc.tuple(id, fc.nat(99)).map(([at, ms]) => (tx) => tx.markSeen(at, ms)),
  id.map((at) => (tx) => tx.deleteNode(at)),
  fc.tuple(id, fc.nat(99), fc.integer({ min: 90, max: 110 }), ended, id, fc.nat(9)).map(
    ([at, issuedMs, expiresMs, endedMs, root, workers]) => (tx) => {
      // Leases with one root have one client.
      const client = root === "a" ? "d" : "c";
      const known = tx.lease(at) ??
        leaseRow(at, { issuedMs, root, client, account: accountOf(at) });
      const endReason = endedMs === null ? null : "why";
      tx.putLease({ ...known, workers, memoryBytes: workers, expiresMs, endedMs, endReason });
    },
  ),
  fc.tuple(id, id, fc.constantFrom("candidate", "claimed", "ended"), fc.nat(9), fc.nat(40)).map(
    ([lease, node, state, workers, claimByMs]) => (tx) => {
      if (tx.lease(lease) === undefined) return;
      const memoryBytes = workers * 3;
      tx.putAllocation(allocationRow(lease, node, { state, workers, memoryBytes, claimByMs }));
    },
  ),
  // As in the books, no live allocation outlives its lease.
  fc.integer({ min: 50, max: 61 }).map((beforeMs) => (tx) => {
    for (const { lease } of ids.flatMap((node) => tx.liveAllocationsOn(node))) {
      if (tx.lease(lease)?.endedMs !== null) return;
    }
    tx.forgetLeases(beforeMs);
  }),
  fc.tuple(id, fc.constantFrom("client", "node"), id, fc.nat(3)).map(
    ([hash, role, name, leases]) => (tx) => {
      if (tx.token(hash) !== undefined) return;
      const account = accountOf(name) ?? undefined;
      const token = { hash, role, name, quota: { leases } };
      const more = account === undefined ? {} : { account, class: `in-${leases}` };
      tx.replaceToken({ ...token, ...more }, leases);
    },
  ),
  id.map((hash) => (tx) => tx.deleteToken(hash)),
  fc.tuple(id, id, fc.integer({ min: 1, max: 2 }), fc.integer({ min: 19, max: 21 }), fc.nat(9)).map(
    ([lease, node, epoch, untilMs, ns]) => (tx) => {
      // The client and the account of a bill never change.
      const [client, account] = [lease === "a" ? "d" : "c", accountOf(lease)];
      const heldNs = 2n ** 62n + BigInt(ns);
      const more = { epoch, client, account, untilMs, heldNs, sinceMs: ns };
      tx.putBill(billRow(lease, node, more));
    },
  ),
  fc.tuple(id, fc.nat(3)).map(([at, ms]) => (tx) => {
    const known = tx.keys().find((key) => key.id === at);
    tx.putKey({ ...keyRow(at), signsFromMs: ms, ...known, dropMs: ms });
  }),
  id.map((at) => (tx) => tx.deleteKey(at)),
  fc.tuple(fc.nat(3), fc.nat(9)).map(([hourMs, coreMs]) => (tx) =>
    tx.putLentHour({ hourMs, fromMs: hourMs, untilMs: hourMs + 1, coreMs })
  ),
  fc.nat(9).map((ms) => (tx) => tx.putUnreservedUntil("c", ms)),
  fc.option(id, { nil: undefined }).map((lease) => (tx) =>
    tx.putEvent(eventRow(tx.lastEvent() + 1, lease))
  ),
];
const change = fc.tuple(fc.array(fc.oneof(...writes), { minLength: 1, maxLength: 4 }), fc.nat(4))
  .map(([all, fate]) => (tx: Transaction): void => {
    for (const write of all) write(tx);
    if (fate === 0) throw new Error("aborted");
  });

function withoutSeen(rows: ReturnType<typeof dump>) {
  const unseen = (row: NodeRow | undefined) => row ? { ...row, lastSeenMs: 0 } : undefined;
  return {
    ...rows,
    nodes: rows.nodes.map(unseen),
    byId: rows.byId.map(unseen),
    byName: rows.byName.map(unseen),
    latestMs: 0,
    unreserved: 0,
  };
}
