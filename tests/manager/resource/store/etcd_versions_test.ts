/** Rows of etcd that another version of rfaas has written, as while the resource managers are upgraded one by one. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { LentBook } from "../../../../manager/resource/books/lent_book.ts";
import { Settling } from "../../../../manager/resource/books/settling.ts";
import { EtcdClient } from "../../../../manager/resource/store/etcd/etcd_client.ts";
import { EtcdStore } from "../../../../manager/resource/store/etcd/etcd_store.ts";
import { Seal } from "../../../../manager/resource/store/etcd/seal.ts";
import { withLimits } from "../../../../manager/resource/store/node_limits.ts";
import type { NodeRow, Transaction } from "../../../../manager/resource/store/store.ts";
import { StateUnavailableError } from "../../../../manager/state_dir.ts";
import { bookContext } from "../../../support/manager/book_context.ts";
import { EtcdMembers, etcdPath, needsEtcd } from "../../../support/manager/etcd_members.ts";
import { EtcdProxy } from "../../../support/manager/etcd_proxy.ts";
import {
  allocationRow,
  billRow,
  keyRow,
  leaseRow,
  nodeRow,
} from "../../../support/manager/store_rows.ts";

const etcd = etcdPath === undefined ? undefined : await EtcdMembers.start();
globalThis.addEventListener("unload", () => etcd?.killAll());

const TIMEOUT_MS = 5000;
const seal = new Seal(new Uint8Array(32));

function test(name: string, fn: (prefix: string, client: EtcdClient) => Promise<void>): void {
  Deno.test({
    name: name + needsEtcd,
    ignore: etcd === undefined,
    fn: async () => {
      using client = new EtcdClient({ members: etcd!.addresses });
      await fn(`/${crypto.randomUUID()}`, client);
    },
  });
}

/** Makes changes as a leader. */
async function change(prefix: string, ...changes: ((tx: Transaction) => void)[]): Promise<void> {
  const store = await EtcdStore.open({ connection: { members: etcd!.addresses }, prefix, seal });
  try {
    for (const each of changes) await store.transact(each);
  } finally {
    await store.close();
  }
}

test(
  "fields and rows of a later version outlive the changes of this one",
  async (prefix, client) => {
    const [lease, bill] = [leaseRow("l"), billRow("l", "n")];
    await change(prefix, (tx) => {
      tx.putNode(nodeRow("n"));
      tx.putLease(lease);
      tx.putAllocation(allocationRow("l", "n"));
      tx.putBill(bill);
      tx.replaceToken({ hash: "t", role: "client", name: "t" }, 1);
      tx.putKey(keyRow("k"));
    });
    const rows = async () => {
      const { rows: all } = await client.changes(`${prefix}/1/`, 0, TIMEOUT_MS);
      return new Map(all.map(({ key, value }) => [key.slice(prefix.length + 3), value]));
    };
    const changed = ["n/n", "l/l", "b/l/n/1", "k/k"];
    const before = await rows();
    const later = changed.map((key) => {
      const row = JSON.parse(before.get(key)!);
      for (const allocation of row.allocations ?? []) allocation.later = 1;
      return { key: `${prefix}/1/${key}`, value: JSON.stringify({ ...row, later: 1 }) };
    });
    later.push({ key: `${prefix}/1/later/a`, value: "of a later version" });
    await client.transact([], later, [], TIMEOUT_MS);

    await change(prefix, (tx) => {
      tx.putNode({ ...tx.node("n")!, epoch: 7 });
      tx.putLease({ ...tx.lease("l")!, workers: 7 });
      tx.putAllocation({ ...tx.allocation("l", "n")!, workers: 7 });
      tx.putBill({ ...bill, heldNs: 7n });
      tx.putKey({ ...tx.keys()[0]!, dropMs: 7 });
    });
    const after = await rows();
    for (const key of changed) {
      const row = JSON.parse(after.get(key)!);
      assertEquals([key, row.later], [key, 1]);
      assertEquals(row.allocations?.[0].later ?? 1, 1);
      assertEquals(JSON.stringify(row).match(/7/) !== null, true, `${key} is changed`);
    }
    assertEquals(after.get("later/a"), "of a later version");
  },
);

/** Changes the rows of nodes as an older version does. */
async function writeAsOlder(
  prefix: string,
  client: EtcdClient,
  older: (row: NodeRow) => Partial<NodeRow>,
): Promise<void> {
  const { rows } = await client.changes(`${prefix}/1/n/`, 0, TIMEOUT_MS);
  const writes = rows.map(({ key, value }) => ({
    key,
    value: JSON.stringify(older(JSON.parse(value))),
  }));
  await client.transact([], writes, [], TIMEOUT_MS);
}

test(
  "a node that an older version has drained is drained by its operator",
  async (prefix, client) => {
    await change(prefix, (tx) => {
      tx.putNode(nodeRow("drains", { drainMs: 5000 }));
      tx.putNode(nodeRow("lends"));
    });
    await writeAsOlder(prefix, client, ({ limits: _, maxCores: __, lostMs: ___, ...row }) => row);
    await change(prefix, (tx) => {
      const operator = { cores: 0, graceMs: 5000 };
      assertEquals(tx.node("drains"), nodeRow("drains", { drainMs: 5000, limits: { operator } }));
      assertEquals(tx.node("lends"), nodeRow("lends"));
    });
  },
);

test(
  "a node that an older version drained or lent between two leaders of this one follows it",
  async (prefix, client) => {
    const slurm = { cores: 0, graceMs: 100 };
    const part = { cores: 6, graceMs: 100 };
    await change(prefix, (tx) => {
      tx.putNode(withLimits(nodeRow("lent"), { slurm, part }));
      tx.putNode(withLimits(nodeRow("drained"), { part }));
    });
    await writeAsOlder(
      prefix,
      client,
      (row) => ({ ...row, drainMs: row.id === "lent" ? null : 5000 }),
    );
    const store = await EtcdStore.open({ connection: { members: etcd!.addresses }, prefix, seal });
    await using context = new AsyncDisposableStack();
    context.defer(() => store.close());
    const limits = async (id: string) => {
      const { limits, drainMs, cores } = (await store.transact((tx) => tx.node(id)))!;
      return { limits, drainMs, cores };
    };
    assertEquals(await limits("lent"), { limits: { part }, drainMs: null, cores: 6 });
    const operator = { cores: 0, graceMs: 5000 };
    assertEquals(await limits("drained"), { limits: { part, operator }, drainMs: 5000, cores: 6 });
    const given = { store, clock: store.shared.clock, keys: undefined as never };
    const lent = new LentBook(bookContext(given), new Settling(0));
    await lent.lend({ hash: "o", role: "operator", name: "o" }, "drained", {});
    assertEquals(await limits("drained"), { limits: { part }, drainMs: null, cores: 6 });
  },
);

test(
  "leases and bills that an older version wrote have no account",
  async (prefix, client) => {
    await change(prefix, (tx) => {
      tx.putLease(leaseRow("l", { account: "physics" }));
      tx.putBill(billRow("l", "n", { account: "physics" }));
    });
    const { rows } = await client.changes(`${prefix}/1/`, 0, TIMEOUT_MS);
    const writes = rows.filter(({ key }) => /\/[lb]\//.test(key)).map(({ key, value }) => {
      const { account, ...row } = JSON.parse(value);
      assertEquals(account, "physics");
      return { key, value: JSON.stringify(row) };
    });
    assertEquals(writes.length, 2);
    await client.transact([], writes, [], TIMEOUT_MS);
    await change(prefix, (tx) => {
      assertEquals(tx.lease("l"), leaseRow("l"));
      assertEquals(tx.bills({ limit: 9 }), [billRow("l", "n")]);
    });
  },
);

test("rows of a later format are refused, and left to their leader", async (prefix, client) => {
  const key = `${prefix}/2/term`;
  await client.transact([], [{ key, value: "{}" }], [], TIMEOUT_MS);
  const newer = "a newer version wrote it, with format 2";
  await assertRejects(() => change(prefix), StateUnavailableError, newer);
  // The response of the transaction that takes the term has the first of them, and may be lost.
  await using proxy = new EtcdProxy(etcd!.addresses[0]!);
  let lost = 0;
  proxy.fate = (_, body) => body.includes("request_put") && lost++ === 0 ? "lose response" : "pass";
  const connection = { members: [proxy.address] };
  const opening = () => EtcdStore.open({ connection, prefix, seal });
  await assertRejects(opening, StateUnavailableError, newer);
  assert(lost > 0);
  assertEquals((await client.read([key], TIMEOUT_MS))[0]?.value, "{}");
  // The folder of another cluster is none of its formats.
  await client.transact([], [{ key: `${prefix}2/2/term`, value: "{}" }], [], TIMEOUT_MS);
  await client.transact([], [{ key, value: undefined }], [], TIMEOUT_MS);
  await change(prefix, (tx) => tx.putNode(nodeRow("n")));
});
