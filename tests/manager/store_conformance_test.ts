/** What must hold of every store. A new one is added to `stores`, and passes all of it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { DatabaseSync } from "node:sqlite";
import { clearImmediate, setImmediate } from "node:timers";
import { MemoryStore } from "../../manager/resource/memory_store.ts";
import { SqliteStore } from "../../manager/resource/sqlite_store.ts";
import {
  type AllocationRow,
  type BillPlace,
  type BillRow,
  type KeyRow,
  type LeaseRow,
  type NodeRow,
  placeOf,
  type Store,
  type Transaction,
} from "../../manager/resource/store.ts";

interface TestStore extends Disposable {
  store: Store;
  /** Where it keeps them, if in a file. */
  path?: string;
  /** The same rows in a store that was opened anew, if it keeps them. */
  reopen?: () => Store;
}

const stores: Record<string, () => TestStore> = {
  memory: () => {
    const store = new MemoryStore();
    return { store, [Symbol.dispose]: () => store.close() };
  },
  sqlite: () => {
    const dir = Deno.makeTempDirSync({ prefix: "rfaas-test-" });
    const path = `${dir}/state.sqlite`;
    const open = () => new SqliteStore(path);
    const opened = [open()];
    const reopen = () => {
      opened.at(-1)!.close();
      opened.push(open());
      return opened.at(-1)!;
    };
    const dispose = () => {
      for (const store of opened) store.close();
      Deno.removeSync(dir, { recursive: true });
    };
    return { store: opened[0]!, path, reopen, [Symbol.dispose]: dispose };
  },
};

const nodeRow = (id: string, more: Partial<NodeRow> = {}): NodeRow => ({
  id,
  name: `name-${id}`,
  cores: 8,
  memoryBytes: 1000,
  addresses: ["shm:a", "verbs://10.0.0.1:1"],
  bootId: "b",
  drainMs: null,
  epoch: 1,
  lastSeenMs: 5,
  ...more,
});
const leaseRow = (id: string, more: Partial<LeaseRow> = {}): LeaseRow => ({
  id,
  client: "c",
  workers: 2,
  memoryBytes: 10,
  root: id,
  rootWorkers: 2,
  rootMemoryBytes: 10,
  issuedMs: 10,
  expiresMs: 100,
  endedMs: null,
  endReason: null,
  ...more,
});
const allocationRow = (
  lease: string,
  node: string,
  more: Partial<AllocationRow> = {},
): AllocationRow => ({
  lease,
  node,
  workers: 2,
  memoryBytes: 10,
  state: "candidate",
  claimByMs: 20,
  claimedMs: null,
  endReason: null,
  ...more,
});

const billRow = (lease: string, node: string, more: Partial<BillRow> = {}): BillRow => ({
  lease,
  node,
  epoch: 1,
  client: "c",
  workers: 2,
  memoryBytes: 10,
  sinceMs: 10,
  untilMs: 20,
  heldNs: 2n ** 62n,
  computeNs: 0n,
  pollNs: 1n,
  ...more,
});

const keyRow = (id: string): KeyRow => ({
  id,
  publicKey: "p",
  privatePkcs8: "s",
  createdMs: 1,
  signsFromMs: 2,
  dropMs: null,
});

const ids = ["a", "b", "c"];

/** All that a store can tell, in an order of its own. */
function dump(tx: Transaction) {
  const byKey = (rows: readonly AllocationRow[]) =>
    [...rows].sort((a, b) => `${a.lease}${a.node}` < `${b.lease}${b.node}` ? -1 : 1);
  const told = {
    nodes: tx.nodes(),
    byId: ids.map((id) => tx.node(id)),
    byName: ids.map((id) => tx.nodeNamed(`name-${id}`)),
    running: tx.runningLeases(),
    leases: ids.map((id) => tx.lease(id)),
    expired: tx.expiredLeases(100).map(({ id }) => id).sort(),
    takenBy: tx.takenBy("c"),
    family: ids.map((root) => tx.family(root).map(({ id }) => id).sort()),
    allocations: ids.map((id) => tx.allocationsOf(id)),
    one: tx.allocation("a", "b"),
    live: ids.map((id) => byKey(tx.liveAllocationsOn(id))),
    lapsed: byKey(tx.lapsedCandidates(21)),
    taken: ids.map((id) => tx.takenOn(id)),
    bills: [undefined, "c", "d"].flatMap((client) =>
      [undefined, 20].flatMap((sinceMs) => allPages(tx, client, sinceMs))
    ).map(billText),
    bill: ids.map((id) => tx.bill("a", id, 2)).map((row) => row && billText(row)),
    tokens: tx.tokens(),
    token: ids.map((hash) => tx.token(hash)),
    keys: tx.keys(),
    latestMs: tx.latestMs(),
  };
  // Rows of SQLite have no prototype, which is of no matter.
  return JSON.parse(JSON.stringify(told)) as typeof told;
}

/** Bills page by page, which are what one page of all has. */
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

/** JSON knows no bigint. */
function billText(row: BillRow) {
  const { heldNs, computeNs, pollNs } = row;
  return { ...row, heldNs: `${heldNs}`, computeNs: `${computeNs}`, pollNs: `${pollNs}` };
}

for (const [name, open] of Object.entries(stores)) {
  Deno.test(`${name} store: a change that throws writes nothing and rejects with what it threw`, async () => {
    using test = open();
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
        tx.sawNode("b", 70);
        tx.putLease(leaseRow("b"));
        tx.putAllocation(allocationRow("a", "a", { workers: 1, state: "claimed" }));
        tx.putAllocation(allocationRow("b", "a"));
        tx.forgetLeases(1000);
        tx.putBill(billRow("a", "a"));
        tx.replaceToken({ hash: "a", role: "client", name: "c" }, 1);
        tx.putKey(keyRow("k"));
        throw error;
      })
    );
    assert(thrown === error);
    assertEquals(await store.transact(dump), before);
  });

  Deno.test(`${name} store: changes asked for together are made in order, each by itself`, async () => {
    using test = open();
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
    const rows = await (test.reopen?.() ?? test.store).transact((tx) => tx.nodes());
    assertEquals(rows, [nodeRow("a"), nodeRow("c")]);
  });

  Deno.test(`${name} store: what was asked for before it was closed is done`, async () => {
    using test = open();
    const asked = Array.from({ length: 1000 }, (_, at) =>
      test.store.transact((tx) => {
        tx.putNode(nodeRow("a", { epoch: (tx.node("a")?.epoch ?? 0) + 1 }));
        return at;
      }));
    test.store.close();
    assertEquals(await Promise.all(asked), Array.from({ length: 1000 }, (_, at) => at));
    const epoch = await test.reopen?.().transact((tx) => tx.node("a")?.epoch);
    assertEquals(epoch ?? 1000, 1000);
  });

  Deno.test(`${name} store: a closed one refuses changes, and may be closed again`, async () => {
    using test = open();
    test.store.close();
    test.store.close();
    await assertRejects(() => test.store.transact((tx) => tx.nodes()));
  });

  Deno.test(`${name} store: tells the same as the one in memory, whatever is written`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 40 }), async (changes) => {
        using test = open();
        using model = stores.memory!();
        for (const each of changes) {
          const [made, wanted] = await Promise.all(
            [test.store, model.store].map((store) => store.transact(each).catch(String)),
          );
          assertEquals(made, wanted);
          assertEquals(await test.store.transact(dump), await model.store.transact(dump));
        }
        if (test.reopen === undefined) return;
        assertEquals(
          withoutSeen(await test.reopen().transact(dump)),
          withoutSeen(await model.store.transact(dump)),
        );
      }),
      { numRuns: 60 },
    );
  });
}

Deno.test("sqlite store: changes asked for together are one commit", async () => {
  using test = stores.sqlite!();
  // A commit appends to the write-ahead log each page that it changed, once.
  const file = () => Deno.statSync(`${test.path}-wal`).size;
  await test.store.transact((tx) => tx.putNode(nodeRow("a")));
  const before = file();
  await Promise.all(ids.map((id) => test.store.transact((tx) => tx.putNode(nodeRow(id)))));
  const together = file() - before;
  for (const id of ids) await test.store.transact((tx) => tx.putNode(nodeRow(id, { epoch: 2 })));
  assertEquals(file() - before - together, 3 * together);
});

Deno.test("sqlite store: a thousand changes do not keep the event loop from others", async () => {
  using test = stores.sqlite!();
  const asked = Array.from(
    { length: 1000 },
    () => test.store.transact((tx) => tx.putNode(nodeRow("a"))),
  );
  let turns = 0;
  const turn = () => {
    turns++;
    immediate = setImmediate(turn);
  };
  let immediate = setImmediate(turn);
  await Promise.all(asked);
  clearImmediate(immediate);
  assert(turns >= 3, `${turns} turns`);
});

Deno.test("sqlite store: when a commit fails, all of it is rejected and nothing stays", async () => {
  using test = stores.sqlite!();
  await test.store.transact((tx) => tx.putNode(nodeRow("a")));
  const other = new DatabaseSync(test.path!);
  try {
    other.exec("BEGIN IMMEDIATE");
    const asked = ids.map((id) => test.store.transact((tx) => tx.putNode(nodeRow(id))));
    for (const each of asked) await assertRejects(() => each, Error, "locked");
    other.exec("ROLLBACK");
  } finally {
    other.close();
  }
  assertEquals(await test.store.transact((tx) => tx.nodes()), [nodeRow("a")]);
});

/** Rows of a few ids, so that they meet. */
const id = fc.constantFrom(...ids);
const ended = fc.option(fc.integer({ min: 50, max: 60 }));
const writes: fc.Arbitrary<(tx: Transaction) => void>[] = [
  fc.tuple(id, fc.nat(9), fc.nat(99)).map(([at, cores, lastSeenMs]) => (tx) =>
    tx.putNode(nodeRow(at, { cores, lastSeenMs }))
  ),
  fc.tuple(id, fc.nat(99)).map(([at, ms]) => (tx) => tx.sawNode(at, ms)),
  id.map((at) => (tx) => tx.deleteNode(at)),
  fc.tuple(id, fc.nat(99), fc.integer({ min: 90, max: 110 }), ended, id, fc.nat(9)).map(
    ([at, issuedMs, expiresMs, endedMs, root, workers]) => (tx) => {
      const known = tx.lease(at) ?? leaseRow(at, { issuedMs, root });
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
  // An allocation is not to outlive its lease's end, as in the books.
  fc.integer({ min: 50, max: 61 }).map((beforeMs) => (tx) => {
    for (const { lease } of ids.flatMap((node) => tx.liveAllocationsOn(node))) {
      if (tx.lease(lease)?.endedMs !== null) return;
    }
    tx.forgetLeases(beforeMs);
  }),
  fc.tuple(id, fc.constantFrom("client", "node"), id, fc.nat(3)).map(
    ([hash, role, name, leases]) => (tx) => {
      if (tx.token(hash) !== undefined) return;
      tx.replaceToken({ hash, role, name, quota: { leases } }, leases);
    },
  ),
  id.map((hash) => (tx) => tx.deleteToken(hash)),
  fc.tuple(id, id, fc.integer({ min: 1, max: 2 }), fc.integer({ min: 19, max: 21 }), fc.nat(9)).map(
    ([lease, node, epoch, untilMs, ns]) => (tx) => {
      // Its client never changes.
      const client = lease === "a" ? "d" : "c";
      const heldNs = 2n ** 62n + BigInt(ns);
      tx.putBill(billRow(lease, node, { epoch, client, untilMs, heldNs, sinceMs: ns }));
    },
  ),
  fc.tuple(id, fc.nat(3)).map(([at, ms]) => (tx) => {
    const known = tx.keys().find((key) => key.id === at);
    tx.putKey({ ...keyRow(at), signsFromMs: ms, ...known, dropMs: ms });
  }),
  id.map((at) => (tx) => tx.deleteKey(at)),
];
const change = fc.tuple(fc.array(fc.oneof(...writes), { minLength: 1, maxLength: 4 }), fc.nat(4))
  .map(([all, fate]) => (tx: Transaction): void => {
    for (const write of all) write(tx);
    if (fate === 0) throw new Error("changed its mind");
  });

function withoutSeen(told: ReturnType<typeof dump>) {
  const unseen = (row: NodeRow | undefined) => row ? { ...row, lastSeenMs: 0 } : undefined;
  return {
    ...told,
    nodes: told.nodes.map(unseen),
    byId: told.byId.map(unseen),
    byName: told.byName.map(unseen),
    latestMs: 0,
  };
}
