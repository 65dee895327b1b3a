/** A part of the conformance suite of stores: accounts and classes. */
import { assertEquals } from "@std/assert";
import type { Store } from "../../../../manager/resource/store/store.ts";
import { billRow, leaseRow } from "../../../support/manager/store_rows.ts";
import { testEachStore } from "../../../support/manager/test_stores.ts";

testEachStore((check, open) => {
  check("store: accounts and classes are kept, also by a store that is opened again", async () => {
    await using test = await open();
    const token = { hash: "h", role: "client", name: "ada", account: "physics" } as const;
    await test.store.transact((tx) => {
      tx.replaceToken(token, 1);
      tx.replaceToken({ hash: "b", role: "client", name: "bob" }, 2);
      tx.replaceToken({ hash: "e", role: "client", name: "eve", class: "urgent" }, 2);
      tx.putLease(leaseRow("a", { account: "physics" }));
      tx.putLease(leaseRow("b"));
      tx.putBill(billRow("a", "n", { account: "physics" }));
      tx.putBill(billRow("b", "n"));
      // The account of a bill never changes.
      tx.putBill(billRow("a", "n", { account: "chemistry", heldNs: 7n }));
    });
    const read = (store: Store) =>
      store.transact((tx) => ({
        tokens: tx.tokens().map((token) => [token.name, token.account, token.class]),
        leases: tx.leases().map(({ id, account }) => [id, account]),
        bills: tx.bills({ limit: 9 }).map(({ lease, account }) => [lease, account]),
      }));
    const expected = {
      tokens: [["ada", "physics", undefined], ["bob", undefined, undefined], [
        "eve",
        undefined,
        "urgent",
      ]],
      leases: [["a", "physics"], ["b", null]],
      bills: [["a", "physics"], ["b", null]],
    };
    assertEquals(await read(test.store), expected);
    if (test.reopen !== undefined) assertEquals(await read(await test.reopen()), expected);
  });
});
