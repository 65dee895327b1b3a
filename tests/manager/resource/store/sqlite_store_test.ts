import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { DatabaseSync } from "node:sqlite";
import { KEEP_SEEN_MS } from "../../../../manager/resource/policy.ts";
import { MemoryStore } from "../../../../manager/resource/store/memory_store.ts";
import { SqliteStore } from "../../../../manager/resource/store/sqlite/sqlite_store.ts";
import type { LentHourRow, Store, Transaction } from "../../../../manager/resource/store/store.ts";
import { allocationRow, leaseRow, nodeRow } from "../../../support/manager/store_rows.ts";
import { replacedMethod } from "../../../support/replaced_method.ts";

/** A store in a file of its own. */
async function openStore() {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const store = new SqliteStore(`${dir}/state.sqlite`);
  return {
    store,
    path: `${dir}/state.sqlite`,
    async [Symbol.asyncDispose]() {
      await store.close();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** A row that is in no memory, so that only the database undoes it. */
const hour = (hourMs: number): LentHourRow => ({ hourMs, fromMs: 0, untilMs: 1, coreMs: 1 });
const hours = (tx: Transaction) => tx.lentHours(0, 100).map(({ hourMs }) => hourMs);

Deno.test("a change that fails after it has written undoes its own rows, and the group's others are kept", async () => {
  await using opened = await openStore();
  const { store } = opened;
  const runs = { before: 0, failing: 0, after: 0 };
  const before = store.transact((tx) => {
    runs.before++;
    tx.putLentHour(hour(1));
    return hours(tx);
  });
  const failing = store.transact((tx) => {
    runs.failing++;
    tx.putLentHour(hour(2));
    throw new Error("no capacity");
  });
  const after = store.transact((tx) => {
    runs.after++;
    tx.putLentHour(hour(3));
    return hours(tx);
  });
  await assertRejects(() => failing, Error, "no capacity");
  assertEquals(await before, [1]);
  assertEquals(await after, [1, 3]);
  assertEquals(await store.transact(hours), [1, 3]);
  assertEquals(runs, { before: 2, failing: 2, after: 1 }, "one was rolled back and ran again");
});

Deno.test("a change that fails before it has written disturbs no other of its group", async () => {
  await using opened = await openStore();
  const { store } = opened;
  let runs = 0;
  const before = store.transact((tx) => {
    runs++;
    tx.putLentHour(hour(1));
  });
  const failing = store.transact(() => {
    throw new Error("no such lease");
  });
  const after = store.transact((tx) => {
    tx.putLentHour(hour(2));
  });
  await assertRejects(() => failing, Error, "no such lease");
  await Promise.all([before, after]);
  assertEquals(await store.transact(hours), [1, 2]);
  assertEquals(runs, 1);
});

/** One write, which depends on the rows. */
interface Step {
  readonly what: "grant" | "renew" | "end" | "allocate" | "reserve" | "register";
  readonly id: number;
  readonly ms: number;
}

function write(tx: Transaction, { what, id: number, ms }: Step): void {
  const id = `${number}`;
  const client = number % 2 === 0 ? "even" : "odd";
  const known = tx.lease(id);
  if (what === "register") return tx.putNode(nodeRow(id, { lastSeenMs: ms }));
  if (what === "reserve") return tx.putUnreservedUntil(client, ms);
  if (known === undefined) {
    if (what === "grant") tx.putLease(leaseRow(id, { client, expiresMs: ms }));
  } else if (what === "renew") tx.putLease({ ...known, expiresMs: ms });
  else if (what === "end") tx.putLease({ ...known, endedMs: ms, endReason: "released" });
  else if (what === "allocate") tx.putAllocation(allocationRow(id, "0", { claimByMs: ms }));
}

/** What changes read, of memory and of the database. */
const rowsOf = (tx: Transaction) =>
  JSON.stringify([
    tx.leases().map(({ id, expiresMs, endedMs }) => [id, expiresMs, endedMs]),
    tx.runningLeases().map(({ id }) => id),
    tx.expiredLeases(50).map(({ id }) => id).sort(),
    tx.lapsedCandidates(50).map(({ lease }) => lease).sort(),
    tx.nodes().map(({ id, lastSeenMs }) => [id, lastSeenMs]),
    ["even", "odd"].map((client) => [tx.allocatedTo(client), tx.unreservedUntil(client)]),
  ]);

Deno.test("a group of which some changes fail leaves the same rows as in memory, whatever was written before", async () => {
  const step: fc.Arbitrary<Step> = fc.record({
    what: fc.constantFrom("grant", "renew", "end", "allocate", "reserve", "register"),
    id: fc.nat(3),
    ms: fc.nat(100),
  });
  const change = fc.record({ steps: fc.array(step, { maxLength: 4 }), fails: fc.boolean() });
  await using opened = await openStore();
  const memory = new MemoryStore();
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (group) => {
      const run = (store: Store) =>
        Promise.all(group.map(({ steps, fails }) =>
          store.transact((tx) => {
            for (const each of steps) write(tx, each);
            if (fails) throw new RangeError("no capacity");
            return rowsOf(tx);
          }).catch((error) => {
            if (error instanceof RangeError) return error.message;
            throw error;
          })
        ));
      assertEquals(await run(opened.store), await run(memory));
      assertEquals(await opened.store.transact(rowsOf), await memory.transact(rowsOf));
    }),
    { numRuns: 200 },
  );
});

Deno.test("neither a change nor what reads its rows is answered before they are on disk", async () => {
  await using opened = await openStore();
  const { store } = opened;
  const disk = Promise.withResolvers<void>();
  const { syncData } = Deno.FsFile.prototype;
  using _slow = replacedMethod(
    Deno.FsFile.prototype,
    "syncData",
    async function (this: Deno.FsFile) {
      await disk.promise;
      await syncData.call(this);
    },
  );
  const answered: string[] = [];
  const written = Promise.withResolvers<void>();
  const change = store.transact((tx) => {
    tx.putLentHour(hour(1));
    written.resolve();
  }).then(() => answered.push("change"));
  await written.promise;
  const seen = Promise.withResolvers<number[]>();
  const read = store.transact((tx) => seen.resolve(hours(tx))).then(() => answered.push("read"));
  assertEquals(await seen.promise, [1], "it reads what is committed and not on disk yet");
  await new Promise((resolve) => setTimeout(resolve)); // an answer would be there after this turn
  const early = [...answered];
  disk.resolve();
  assertEquals(early, []);
  await Promise.all([change, read]);
  assertEquals(answered, ["change", "read"]);
});

Deno.test("a change that finds all in memory takes no lock of the file", async () => {
  await using opened = await openStore();
  const { store } = opened;
  await store.transact((tx) => tx.putNode(nodeRow("a", { lastSeenMs: 1 })));
  using other = new DatabaseSync(opened.path);
  other.exec("BEGIN IMMEDIATE");
  const seenMs = await store.transact((tx) => {
    tx.markSeen("a", 2);
    return tx.node("a")?.lastSeenMs;
  });
  assertEquals(seenMs, 2);
  await assertRejects(() =>
    store.transact((tx) => {
      tx.markSeen("a", 3);
      throw new Error("refused");
    })
  );
  assertEquals(await store.transact((tx) => tx.node("a")?.lastSeenMs), 2);
  other.exec("ROLLBACK");
});

Deno.test("the time at which a node was last seen is on disk in time, and rarely written", async () => {
  await using opened = await openStore();
  const { store } = opened;
  const ids = ["0".repeat(32), "f".repeat(32), "not-hex"];
  await store.transact((tx) => ids.forEach((id) => tx.putNode(nodeRow(id, { lastSeenMs: 1 }))));
  using other = new DatabaseSync(opened.path, { readOnly: true });
  const read = other.prepare("SELECT id, last_seen_ms AS ms FROM nodes");
  const written = new Map(ids.map((id) => [id, new Set<number>()]));
  for (let nowMs = 1000; nowMs <= 10 * KEEP_SEEN_MS; nowMs += 999) {
    await store.transact((tx) => ids.forEach((id) => tx.markSeen(id, nowMs)));
    for (const { id, ms } of read.all() as { id: string; ms: number }[]) {
      written.get(id)!.add(ms);
      assert(nowMs - ms <= KEEP_SEEN_MS, `${id} was seen at ${nowMs}, on disk is ${ms}`);
    }
  }
  const counts = [...written.values()].map(({ size }) => size);
  assert(counts.every((count) => count <= 11), `written ${counts} times`);
});
