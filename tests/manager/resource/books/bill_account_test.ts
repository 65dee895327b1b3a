/** The accounts of bills. */
import { assertEquals } from "@std/assert";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";

const size = { workers: 2, memoryBytes: 2 ** 30 };

Deno.test("a bill has the account of its client's token at the grant", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node } = await test.register("a", { cores: 8 });
  const billed = async () => {
    const { bills } = await test.operator.bills();
    return Object.fromEntries(bills.map(({ lease, account }) => [lease, account]));
  };
  const leaseOf = async (account?: string) => {
    const request = { role: "client", name: "ada" } as const;
    const { token } = await test.operator.createToken(
      account === undefined ? request : { ...request, account },
    );
    using ada = new ManagerClient({ url: test.url, token });
    const { lease } = await ada.takeLease({ ...size, termMs: 60_000 });
    return lease;
  };
  const report = (lease: string, ns: number) => {
    const totals = { sinceMs: 1000, heldNs: `${ns}`, computeNs: "0", pollNs: "0" };
    const bills = [{ lease, epoch: 1, ...size, ...totals }];
    return test.node.heartbeat(node, { epoch: 1, leases: [], bills });
  };
  const first = await leaseOf("physics");
  await test.node.reportLease(node, first, { epoch: 1, state: "claimed", workers: 2 });
  await test.operator.revokeToken("ada");
  const second = await leaseOf("chemistry");
  await test.node.reportLease(node, second, { epoch: 1, state: "claimed", workers: 2 });
  // The first report comes when the name has another account.
  await report(first, 5);
  await report(second, 5);
  assertEquals(await billed(), { [first]: "physics", [second]: "chemistry" });
  await test.operator.revokeToken("ada");
  const third = await leaseOf();
  await test.node.reportLease(node, third, { epoch: 1, state: "claimed", workers: 2 });
  for (const lease of [first, second, third]) await report(lease, 9);
  const all = { [first]: "physics", [second]: "chemistry", [third]: undefined };
  assertEquals(await billed(), all);
  await test.operator.revokeToken("ada");
  const unclaimed = await leaseOf("biology");
  clock.nowMs += 2500; // it was reserved for 2 s
  await test.operator.nodes();
  assertEquals(await billed(), { ...all, [unclaimed]: "biology" });
});
