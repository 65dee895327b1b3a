import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { testLogger } from "../../../support/manager/book_context.ts";
import { FakeClock } from "../../../support/manager/test_manager.ts";
import { ImpureChangeError, TwiceStore } from "../../../support/manager/twice_store.ts";
import { MemoryStore } from "../../../../manager/resource/store/memory_store.ts";
import type { KeyRow, Transaction } from "../../../../manager/resource/store/store.ts";

const keyRow = (id: string, createdMs = 1): KeyRow => ({
  id,
  publicKey: "p",
  privatePkcs8: "s",
  createdMs,
  signsFromMs: 2,
  dropMs: null,
});

let calls = 0;
const clock = new FakeClock();
const log = testLogger();

/** Changes that another run, or another replica, would answer in another way. */
const impure: Record<string, (tx: Transaction) => unknown> = {
  "returns another result": () => ++calls,
  "throws another error": () => {
    throw new Error(`run ${++calls}`);
  },
  "throws once": () => {
    if (++calls % 2 === 1) throw new Error("first");
  },
  "writes another row": (tx) => tx.putKey(keyRow("a", ++calls)),
  "writes to another row": (tx) => tx.putKey(keyRow(`${++calls}`)),
  "writes once": (tx) => ++calls % 2 === 1 && tx.putKey(keyRow("a")),
  "reads another row": (tx) => void tx.token(`${++calls}`),
  "reads `Date.now()`": () => Date.now() > 0,
  "reads `performance.now()`": () => performance.now() > 0,
  "reads `Math.random()`": () => Math.random() < 2,
  "reads `crypto.getRandomValues()`": () => crypto.getRandomValues(new Uint8Array(1)).length,
  "reads `crypto.randomUUID()`": () => crypto.randomUUID().length,
  "reads the clock of a test": () => clock.read(),
  "logs": () => log.info("a change"),
};

for (const [what, change] of Object.entries(impure)) {
  Deno.test(`\`TwiceStore\` refuses a change that ${what}, and writes nothing of it`, async () => {
    const store = new TwiceStore(new MemoryStore());
    await assertRejects(() => store.transact(change), ImpureChangeError);
    assertThrows(() => store.assertPure(), ImpureChangeError);
    assertEquals(await store.transact((tx) => tx.keys()), []);
  });
}

Deno.test("`TwiceStore` makes a pure change once, and rejects with the error that it throws", async () => {
  const store = new TwiceStore(new MemoryStore());
  const error = new RangeError("no");
  const counted = await store.transact((tx) => {
    tx.putKey(keyRow("a", tx.keys().length));
    return tx.keys().length;
  });
  assertEquals(counted, 1);
  const thrown = await assertRejects(() =>
    store.transact((tx) => {
      tx.putKey(keyRow("b"));
      throw error;
    })
  );
  assertEquals(thrown === error, true);
  assertEquals(await store.transact((tx) => tx.keys()), [keyRow("a", 0)]);
  store.assertPure();
  assertEquals(Date.now() > 0 && Math.random() < 1, true, "the sources are as they were");
});
