import { assertEquals, assertRejects } from "@std/assert";
import { SqliteStore } from "../../../../manager/resource/store/sqlite/sqlite_store.ts";
import type { LentHourRow, Transaction } from "../../../../manager/resource/store/store.ts";

/** A store in a file of its own. */
async function openStore() {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const store = new SqliteStore(`${dir}/state.sqlite`);
  return {
    store,
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
