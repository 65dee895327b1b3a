/** A part of the conformance suite of stores: what was held in a time. */
import { assertEquals } from "@std/assert";
import { billRow } from "../../../support/manager/store_rows.ts";
import { testEachStore } from "../../../support/manager/test_stores.ts";

testEachStore((check, open) => {
  check(
    "store: `heldBetween()` sums core-milliseconds by account and client, from a time and before another",
    async () => {
      await using test = await open();
      const second = 1_000_000_000n;
      const held = (times: readonly [number, number]) =>
        test.store.transact((tx) =>
          tx.heldBetween(...times)
            .sort((a, b) => `${a.account} ${a.client}` < `${b.account} ${b.client}` ? -1 : 1)
            .map(({ client, account, coreMs }) => [client, account, coreMs])
        );
      assertEquals(await held([0, 1e15]), []);
      await test.store.transact((tx) => {
        const bill = (lease: string, client: string, account: string | null, untilMs: number) =>
          tx.putBill(
            billRow(lease, "n", { client, account, untilMs, workers: 2, heldNs: 3n * second }),
          );
        bill("a", "ada", "physics", 100);
        bill("b", "ada", "physics", 199);
        bill("c", "bob", "physics", 150);
        bill("d", "ada", null, 150);
        bill("e", "eve", null, 99);
        bill("f", "eve", null, 200);
        // A day of 64 workers, in nanoseconds more than a double counts one by one.
        tx.putBill(billRow("g", "n", {
          client: "max",
          account: null,
          untilMs: 300,
          workers: 64,
          heldNs: 86_400n * second,
        }));
      });
      assertEquals(await held([100, 200]), [
        ["ada", null, 6000],
        ["ada", "physics", 12_000],
        ["bob", "physics", 6000],
      ]);
      assertEquals(await held([300, 301]), [["max", null, 64 * 86_400_000]]);
      assertEquals(await held([201, 300]), []);
    },
  );
});
