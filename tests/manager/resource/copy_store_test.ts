/** Copies of all rows between SQLite and etcd, and backups of both. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { copyStore } from "../../../manager/resource/copy_store.ts";
import { openStore } from "../../../manager/resource/store/open_store.ts";
import { StateUnavailableError } from "../../../manager/state_dir.ts";
import { commandOutput } from "../../../scripts/vm/command_output.ts";
import { EtcdMembers, etcdPath, needsEtcd } from "../../support/manager/etcd_members.ts";
import {
  allocationRow,
  billRow,
  eventRow,
  keyRow,
  leaseRow,
  nodeRow,
} from "../../support/manager/store_rows.ts";
import { TestManager } from "../../support/manager/test_manager.ts";
import { withFolder } from "../../support/processes/resource_manager_process.ts";

const etcd = etcdPath === undefined ? undefined : await EtcdMembers.start();
globalThis.addEventListener("unload", () => etcd?.killAll());

const small = { workers: 1, memoryBytes: 2 ** 20, termMs: 3_600_000 };

const isFound = (command: readonly [string, ...string[]]) =>
  commandOutput(command).then(() => true, () => false);
const etcdctl = await isFound(["etcdctl", "version"]);
const sqlite3 = await isFound(["sqlite3", "--version"]);

function test(name: string, fn: (folder: string) => Promise<void>): void {
  const ignore = etcd === undefined;
  Deno.test({ name: name + needsEtcd, ignore, fn: () => withFolder(fn) });
}

/** The rows of all tables that a copy has to keep, more than one transaction of etcd accepts. */
async function fill(stateDir: string, address: string): Promise<void> {
  await Deno.mkdir(stateDir, { recursive: true });
  const store = await openStore(stateDir, { address });
  await store.transact((tx) => {
    for (const id of ["a", "b"]) tx.putNode(nodeRow(id));
    for (let n = 0; n < 300; n++) {
      const account = n % 4 === 0 ? "physics" : null;
      const over = n % 2 === 0 ? { endedMs: 50, endReason: "expired" } : {};
      tx.putLease(leaseRow(`l${n}`, { issuedMs: n, client: `c${n % 3}`, account, ...over }));
      const state = n % 2 === 0 ? "ended" : "claimed";
      tx.putAllocation(allocationRow(`l${n}`, "a", { state, claimedMs: 5 }));
      tx.putBill(billRow(`l${n}`, "a", { account, heldNs: 2n ** 62n + BigInt(n), sinceMs: n }));
    }
    tx.replaceToken(
      { hash: "h", role: "client", name: "ada", quota: { workers: 3 }, account: "a" },
      7,
    );
    tx.putKey(keyRow("k"));
    tx.putLentHour({ hourMs: 0, fromMs: 1, untilMs: 9, coreMs: 16 });
    for (let n = 1; n <= 40; n++) tx.putEvent(eventRow(n, n % 3 === 0 ? undefined : `l${n}`));
  });
  await store.close();
}

test("`copyStore()` copies all rows from SQLite to etcd and back, with equal digests", async (folder) => {
  const [first, second] = [`sqlite:${folder}/one.sqlite`, `sqlite:${folder}/two.sqlite`];
  const stateDir = `${folder}/state`;
  await fill(stateDir, first);
  const onEtcd = etcd!.store();
  const to = await copyStore({ stateDir, from: { address: first }, to: { address: onEtcd } });
  const back = await copyStore({ stateDir, from: { address: onEtcd }, to: { address: second } });
  assertEquals(back, to);
  const counts = {
    nodes: 2,
    leases: 300,
    lentHours: 1,
    allocations: 300,
    bills: 300,
    tokens: 1,
    keys: 1,
    events: 40,
  };
  assertEquals(Object.fromEntries(to.map(({ table, rows }) => [table, rows])), counts);
  for (const name of Object.keys(counts)) {
    const table = name.replace("lentHours", "lent_hours");
    const [one, two] = ["one", "two"].map((file) => {
      const db = new DatabaseSync(`${folder}/${file}.sqlite`);
      const statement = db.prepare(`SELECT * FROM ${table} ORDER BY 1, 2, 3`);
      statement.setReadBigInts(true);
      const rows = statement.all();
      db.close();
      return rows;
    });
    assertEquals(two, one, table);
    assert(one!.length > 0);
  }
});

test("a resource manager goes on with the leases, tokens and keys of a copy, on etcd and back", async (folder) => {
  const dir = `${folder}/one`;
  const first = await TestManager.start({}, dir);
  const { node, keys } = await first.register("a");
  const { lease } = await first.client.takeLease(small);
  await first.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 1 });
  const token = first.token("client");
  await first.stop();
  const stateDir = `${dir}/state`;
  const file = { address: `sqlite:${stateDir}/state.sqlite` };
  const store = { address: etcd!.store() };
  await copyStore({ stateDir, from: file, to: store });
  const goesOn = async (manager: TestManager) => {
    assertEquals(manager.token("client"), token);
    const heartbeat = { epoch: 1, leases: [{ lease, workers: 1 }] };
    const response = await manager.node.heartbeat(node, heartbeat);
    assertEquals([response.end, response.keys], [[], keys]);
    assertEquals((await manager.client.renewLease(lease, small)).grants.length, 1);
  };
  await using second = await TestManager.start({ store }, dir);
  await goesOn(second);
  await assertRejects(
    () => copyStore({ stateDir, from: store, to: file }),
    StateUnavailableError,
    "is using it",
  );
  const other = `${folder}/other`;
  await Deno.mkdir(other);
  await Deno.copyFile(`${stateDir}/store.key`, `${other}/store.key`);
  const target = { address: `sqlite:${other}/state.sqlite` };
  await assertRejects(
    () => copyStore({ stateDir: other, from: store, to: target }),
    StateUnavailableError,
    `the resource manager at ${second.url} uses ${store.address}`,
  );
  await second.stop();

  await copyStore({ stateDir: other, from: store, to: target });
  await Deno.mkdir(`${folder}/third`);
  await Deno.rename(other, `${folder}/third/state`);
  await using third = await TestManager.start({}, `${folder}/third`);
  await goesOn(third);
});

test("`copyStore()` refuses what it cannot copy, and changes nothing", async (folder) => {
  const stateDir = `${folder}/state`;
  const full = { address: `sqlite:${folder}/full.sqlite` };
  const empty = { address: `sqlite:${folder}/empty.sqlite` };
  await fill(stateDir, full.address);
  const refused = async (from: { address: string }, to: { address: string }, state: string) => {
    await assertRejects(() => copyStore({ stateDir, from, to }), StateUnavailableError, state);
  };
  await refused(full, full, "both are");
  await refused(empty, full, "empty.sqlite is no file");
  (await openStore(stateDir, empty)).close();
  await refused(empty, full, "has no rows");
  const target = { address: etcd!.store() };
  await copyStore({ stateDir, from: full, to: target });
  await refused(full, target, "has rows already");
  const store = await openStore(stateDir, full);
  await store.transact((tx) => tx.putNode(nodeRow("a", { lastSeenMs: Date.now() + 3_600_000 })));
  await store.close();
  await refused(full, empty, "ms behind the rows");
  const kept = await openStore(stateDir, empty);
  assertEquals(await kept.transact((tx) => tx.nodes()), []);
  await kept.close();
});

const restores = async (folder: string) => {
  await using members = await EtcdMembers.start({ size: 3 });
  const store = { address: members.store() };
  const nodesOf = async () => {
    const opened = await openStore(folder, store);
    const nodes = await opened.transact((tx) => tx.nodes().map(({ id }) => id));
    await opened.close();
    return nodes;
  };
  await fill(folder, store.address);
  await members.save(`${folder}/snapshot`);
  const opened = await openStore(folder, store);
  await opened.transact((tx) => tx.putNode(nodeRow("late")));
  await opened.close();
  assertEquals(await nodesOf(), ["a", "b", "late"]);
  await members.restore(`${folder}/snapshot`);
  assertEquals(await nodesOf(), ["a", "b"]);
};
if (etcdctl) test("a snapshot of etcd is restored with all rows of its moment", restores);
else Deno.test.ignore("a snapshot of etcd is restored (needs etcdctl)", () => {});

Deno.test({
  name: `a backup of a SQLite file in use is restored${sqlite3 ? "" : " (needs sqlite3)"}`,
  ignore: !sqlite3,
  fn: () =>
    withFolder(async (folder) => {
      const path = `${folder}/state.sqlite`;
      const running = await openStore(folder);
      await running.transact((tx) => tx.putNode(nodeRow("a")));
      const args = [path, `.backup ${folder}/backup`];
      const { success } = await new Deno.Command("sqlite3", { args, stdin: "null" }).output();
      assert(success);
      await running.transact((tx) => tx.putNode(nodeRow("late")));
      await running.close();
      await Deno.copyFile(`${folder}/backup`, path);
      await assertRejects(() => openStore(folder), StateUnavailableError, "older copy");
      for (const end of ["sqlite-wal", "sqlite-shm", "mark"]) {
        await Deno.remove(`${folder}/state.${end}`).catch(() => {});
      }
      const restored = await openStore(folder);
      assertEquals(await restored.transact((tx) => tx.nodes().map(({ id }) => id)), ["a"]);
      await restored.close();
    }),
});
