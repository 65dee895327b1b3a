/** What nodes had to lend, by the hour. */
import { assertEquals, assertRejects } from "@std/assert";
import { LentHours } from "../../../../manager/resource/books/lent_hours.ts";
import { MAX_LENT_LOOK_MS } from "../../../../manager/resource/policy.ts";
import { MemoryStore } from "../../../../manager/resource/store/memory_store.ts";
import type { Store } from "../../../../manager/resource/store/store.ts";
import { nodeRow } from "../../../support/manager/store_rows.ts";

const HOUR_MS = 3_600_000;

/** Hours over a store whose nodes send a heartbeat before each look. */
function opened(startMs: number, store: Store = new MemoryStore()) {
  let nowMs = startMs;
  const aliveSinceMs = () => nowMs - 1;
  const hours = new LentHours({ store, clock: () => nowMs, aliveSinceMs });
  return {
    store,
    hours,
    /** Counts after some time. */
    after: async (ms: number, silent: readonly string[] = []) => {
      nowMs += ms;
      await store.transact((tx) => {
        for (const { id } of tx.nodes()) if (!silent.includes(id)) tx.markSeen(id, nowMs);
      });
      await hours.count();
    },
    list: async () => (await hours.list({})).hours,
  };
}

Deno.test("the cores of nodes that lend are added up by the hour", async () => {
  const { store, hours, after, list } = opened(3 * HOUR_MS - 2000);
  await store.transact((tx) => {
    tx.putNode(nodeRow("a", { cores: 8 }));
    tx.putNode(nodeRow("b", { cores: 4 }));
    tx.putNode(nodeRow("c", { cores: 2, drainMs: 0 }));
  });
  await after(1000);
  await after(1000, ["b"]); // it is lost
  await after(1500);
  assertEquals(await list(), [
    {
      hourMs: 2 * HOUR_MS,
      fromMs: 3 * HOUR_MS - 2000,
      untilMs: 3 * HOUR_MS,
      coreMs: 12_000 + 8000,
    },
    { hourMs: 3 * HOUR_MS, fromMs: 3 * HOUR_MS, untilMs: 3 * HOUR_MS + 1500, coreMs: 18_000 },
  ]);
  const first = await hours.list({ limit: 1 });
  assertEquals([first.hours.length, first.next], [1, `${2 * HOUR_MS}`]);
  const second = await hours.list({ limit: 1, afterMs: Number(first.next) });
  assertEquals([second.hours[0]!.hourMs, second.next], [3 * HOUR_MS, undefined]);
  // Of the hour that a time is in, too.
  assertEquals((await hours.list({ sinceMs: 3 * HOUR_MS + 7 })).hours.length, 1);
  await store.close();
});

Deno.test("an hour goes on counting after a restart, and the time between does not count", async () => {
  const one = opened(1000);
  await one.store.transact((tx) => tx.putNode(nodeRow("a", { cores: 2 })));
  await one.after(500);
  await one.hours.write();
  const other = opened(60_000, one.store);
  await other.after(500);
  assertEquals(await other.list(), [{ hourMs: 0, fromMs: 1000, untilMs: 60_500, coreMs: 2000 }]);
  // Nor does most of the time that the process stood still.
  await other.after(100_000);
  assertEquals((await other.list())[0]?.coreMs, 2000 + 2 * MAX_LENT_LOOK_MS);
  await one.store.close();
});

Deno.test("an hour that the store refuses is written with the next sum", async () => {
  const { store, hours, after, list } = opened(1000);
  await store.transact((tx) => tx.putNode(nodeRow("a", { cores: 2 })));
  await after(500);
  const { transact } = store;
  store.transact = () => Promise.reject(new Error("full"));
  await assertRejects(() => hours.write(), Error, "full");
  store.transact = transact;
  await after(500);
  assertEquals((await list())[0]?.coreMs, 2000);
  await store.close();
});
