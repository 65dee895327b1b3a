import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Amounts, amountsOf, costOf, secondsText, sumOf } from "../../cli/bill_amounts.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { SqliteStore } from "../../manager/resource/store/sqlite/sqlite_store.ts";
import { startCluster } from "../support/cluster/cluster.ts";
import { functionsPackage } from "../support/functions/functions_package.ts";
import { slotMemoryBytes } from "../../runtime/protocol/slot_memory.ts";
import { billRow } from "../support/manager/store_rows.ts";
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
        account: null,
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
  await store.close();
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

Deno.test("rfaas bill shows accounts, and sums by account or by client", async () => {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  await Deno.mkdir(`${dir}/state`);
  const store = new SqliteStore(`${dir}/state/state.sqlite`);
  const rows = [
    ["1", "a", "ada", "physics"],
    ["1", "b", "ada", "physics"],
    ["2", "a", "bob", "physics"],
    ["3", "a", "eve", null],
    ["4", "a", "ada", "biology"],
  ] as const;
  await store.transact((tx) => {
    for (const [lease, node, client, account] of rows) {
      const [leaseId, nodeId] = [lease.repeat(32), node.repeat(32)];
      tx.putBill(billRow(leaseId, nodeId, { client, account, heldNs: 2_000_000_000n, pollNs: 0n }));
    }
  });
  await store.close();
  await using test = await TestManager.start({ prices: { coreSecond: 0.5 } }, dir);
  const env = { RFAAS_TOKEN: test.token("operator") };
  const bill = async (...args: string[]) => {
    const { code, stdout, stderr } = await rfaas(["bill", "--manager", test.url, ...args], { env });
    assertEquals(code, 0, stderr);
    return stdout;
  };
  // Each bill has two workers for two seconds.
  assertMatch(
    await bill("--by", "account"),
    /^ACCOUNT +LEASES +CORE-S .*\nbiology +1 +4 .* 2\nphysics +2 +12 .* 6\n- +1 +4 .* 2\ntotal +4 +20 .* 10\n$/,
  );
  assertMatch(
    await bill("--by", "client"),
    /^CLIENT .*\nada +2 +12 .*\nbob +1 .*\neve +1 .*\ntotal/,
  );
  assertEquals((await bill("--by", "account", "--csv")).split("\n").slice(0, 4), [
    "account,leases,core_s,gib_s,compute_s,poll_s,cost",
    "biology,1,4.000000000,1.862645149230957e-8,0.000000000,0.000000000,2",
    "physics,2,12.000000000,5.587935447692871e-8,0.000000000,0.000000000,6",
    ",1,4.000000000,1.862645149230957e-8,0.000000000,0.000000000,2",
  ]);
  const { sums, prices } = JSON.parse(await bill("--by", "account", "--json"));
  assertEquals(prices, { coreSecond: 0.5 });
  assertEquals(sums.at(-1), {
    account: null,
    leases: 1,
    coreNs: "4000000000",
    byteNs: "20000000000",
    computeNs: "0",
    pollNs: "0",
    cost: 2,
  });
  const table = await bill();
  assertMatch(table, /^LEASE +CLIENT +ACCOUNT +SINCE/);
  assertMatch(table, /1{32} +ada +physics +\S+Z +4 /);
  assertMatch(table, /3{32} +eve +- +\S+Z +4 /);
  const [head, ...lines] = (await bill("--csv")).trim().split("\n");
  assertMatch(head!, /,cost,account$/);
  assertEquals(lines.map((line) => line.split(",").at(-1)).sort(), [
    "",
    "biology",
    "physics",
    "physics",
    "physics",
  ]);
  assertMatch(await bill("--format", "sacct"), /1{32}\|ada\|physics\|/);
  const wrong = await rfaas(["bill", "--by", "account", "--format", "sacct"], { env });
  assertEquals(wrong.code, 2);
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
