import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Amounts, amountsOf, costOf, secondsText, sumOf } from "../../cli/bill_amounts.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { SqliteStore } from "../../manager/resource/store/sqlite/sqlite_store.ts";
import { startCluster } from "../support/cluster/cluster.ts";
import { functionsPackage } from "../support/functions/functions_package.ts";
import { slotMemoryBytes } from "../../runtime/protocol/slot_memory.ts";
import { TestManager } from "../support/manager/test_manager.ts";
import { until } from "../support/waiting.ts";
import { rfaas } from "../support/cluster/rfaas_command.ts";

Deno.test("rfaas bill prints a table, JSON or CSV, of all clients or one", async () => {
  await using cluster = await startCluster();
  await using client = await cluster.connect();
  const lease = await client.lease({ functions: await functionsPackage(), memory: "64MiB" });
  await lease.invoke("hold", Uint8Array.of(50));
  await lease.close();
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  await until(async () => (await operator.bills()).bills.length === 1, () => "there is a bill");
  const bill = async (...args: string[]) => {
    const { code, stdout, stderr } = await rfaas(
      ["bill", "--manager", cluster.managerUrl, ...args],
      { env: { RFAAS_TOKEN: cluster.operatorToken } },
    );
    assertEquals(code, 0, stderr);
    return stdout;
  };
  const { bills: [printed] } = JSON.parse(await bill("--json"));
  assertEquals({
    client: printed.client,
    workers: printed.workers,
    memoryBytes: printed.memoryBytes,
  }, {
    client: "client",
    workers: 1,
    memoryBytes: 2 ** 26 + slotMemoryBytes({ workers: 1, depth: 4, maxBytes: 2 ** 20 }),
  });
  const [head, line, ...more] = (await bill("--csv", "--client", "client")).trim().split("\n");
  assertEquals(more, []);
  const row = Object.fromEntries(head!.split(",").map((key, i) => [key, line!.split(",")[i]]));
  assertEquals(row.lease, printed.lease);
  assertEquals(row.held_s, secondsText(BigInt(printed.heldNs)));
  const table = await bill();
  assertMatch(table, /CORE-S .*COST/);
  assertMatch(table, new RegExp(`${printed.lease} .*\n *total`));
  assertMatch(
    await bill("--format", "sacct"),
    new RegExp(`${printed.lease}\\|client\\|.*COMPLETED`),
  );
  assertEquals(await bill("--client", "bob"), "No bills\n");
  assertEquals(await bill("--since", "2999-01-01"), "No bills\n");
  const wrong = await rfaas(["bill", "--since", "yesterday"]);
  assertEquals(wrong.code, 2);
  assertMatch(wrong.stderr, /Expected a time such as/);
});

Deno.test("rfaas bill reads every page of bills", async () => {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  await Deno.mkdir(`${dir}/state`);
  const count = 2345;
  const store = new SqliteStore(`${dir}/state/state.sqlite`);
  await store.transact((tx) => {
    for (let i = 0; i < count; i++) {
      tx.putBill({
        lease: i.toString(16).padStart(32, "0"),
        node: "a".repeat(32),
        epoch: 1,
        client: "ada",
        workers: 1,
        memoryBytes: 2 ** 30,
        sinceMs: 1000 + (i >> 2),
        untilMs: 2000,
        heldNs: 1_000_000_000n,
        computeNs: 0n,
        pollNs: 0n,
      });
    }
  });
  store.close();
  await using test = await TestManager.start({}, dir);
  const bill = async (...args: string[]) => {
    const env = { RFAAS_TOKEN: test.token("operator") };
    const { code, stdout, stderr } = await rfaas(["bill", "--manager", test.url, ...args], { env });
    assertEquals(code, 0, stderr);
    return stdout;
  };
  const list = JSON.parse(await bill("--json"));
  assertEquals(new Set(list.bills.map(({ lease }: { lease: string }) => lease)).size, count);
  assertEquals("next" in list, false);
  assertEquals((await bill("--csv", "--client", "ada")).trim().split("\n").length, count + 1);
  assertMatch(await bill("--since", "1970-01-01T00:00:02Z"), new RegExp(`\n *total +${count} `));
});

Deno.test("sums of bills are exact, and a cost is the sum of each amount times its price", () => {
  const bill = {
    lease: "a",
    node: "n",
    client: "c",
    epoch: 1,
    workers: 3,
    memoryBytes: 2 ** 31,
    sinceMs: 0,
    untilMs: 0,
    heldNs: "999999999999999999",
    computeNs: "2000000000",
    pollNs: "500000000",
  };
  const sum: Amounts = sumOf([amountsOf(bill), amountsOf(bill)]);
  assertEquals(sum.coreNs, 2n * 3n * 999_999_999_999_999_999n);
  assertEquals(secondsText(1n), "0.000000001");
  const prices = { coreSecond: 0, gibSecond: 0, computeSecond: 0.5, pollSecond: 0.25 };
  assertEquals(costOf(amountsOf(bill), prices), 1.125);
  const all = costOf(amountsOf({ ...bill, heldNs: "1000000000" }), { coreSecond: 2, gibSecond: 1 });
  assert(Math.abs(all - 8) < 1e-9, `${all}`);
});
