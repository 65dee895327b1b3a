/** What the network does to the watch of a standby: it leads with the rows of the leader all the same. */
import { assertEquals } from "@std/assert";
import { digestRows, readRows } from "../../../../manager/resource/store/all_rows.ts";
import { EtcdStore } from "../../../../manager/resource/store/etcd/etcd_store.ts";
import { Seal } from "../../../../manager/resource/store/etcd/seal.ts";
import { EtcdMembers, etcdPath, needsEtcd } from "../../../support/manager/etcd_members.ts";
import { billRow, leaseRow, nodeRow } from "../../../support/manager/store_rows.ts";
import { TcpProxy } from "../../../support/manager/tcp_proxy.ts";
import { until } from "../../../support/waiting.ts";

const etcd = etcdPath === undefined ? undefined : await EtcdMembers.start();
globalThis.addEventListener("unload", () => etcd?.killAll());

const seal = new Seal(new Uint8Array(32));
const WATCH = "/v3/watch";
/** More rows than one transaction of etcd accepts. */
const MANY = 300;

/** What the network does between changes. */
const networks: Record<string, (proxy: TcpProxy) => Promise<void> | void> = {
  "brings the watch in pieces of seven bytes": (proxy) => {
    proxy.pieceBytes = 7;
  },
  "drops the connections": (proxy) => proxy.drop(),
  "brings nothing for a while": async (proxy) => {
    proxy.stall();
    await new Promise((resolve) => setTimeout(resolve, 300));
    proxy.resume();
  },
};

for (const [name, disturb] of Object.entries(networks)) {
  Deno.test({
    name: `a standby leads with the rows of the leader where the network ${name}${needsEtcd}`,
    ignore: etcd === undefined,
    fn: async () => {
      await using proxy = new TcpProxy(etcd!.addresses[0]!);
      const prefix = `/${crypto.randomUUID()}`;
      const open = (member: string) =>
        EtcdStore.open({ connection: { members: [member] }, prefix, seal });
      const leader = await open(etcd!.addresses[0]!);
      await leader.transact((tx) => tx.putNode(nodeRow("a")));
      const opening = open(proxy.address);
      opening.catch(() => {}); // awaited below
      await until(() => proxy.count(WATCH) > 0, () => "the rows are watched");
      for (let part = 0; part < 3; part++) {
        await change(leader, part);
        await disturb(proxy);
        await change(leader, part + 0.5);
      }
      const expected = await leader.transact((tx) => digestRows(readRows(tx)));
      await leader.close();
      const standby = await opening;
      assertEquals(await standby.transact((tx) => digestRows(readRows(tx))), expected);
      await standby.close();
    },
  });
}

/** Adds, changes and deletes rows, in small changes and one of many rows. */
async function change(store: EtcdStore, part: number): Promise<void> {
  const id = (at: number) => `${part}/${at}`;
  await store.transact((tx) => {
    for (let at = 0; at < MANY; at++) {
      tx.putLease(leaseRow(id(at), { issuedMs: part, endedMs: at, endReason: "released" }));
      tx.putBill(billRow(id(at), "a", { untilMs: at }));
    }
  });
  await store.transact((tx) => tx.forgetLeases(MANY / 2));
  await store.archiveBills();
  for (let at = MANY / 2; at < MANY; at += 10) {
    await store.transact((tx) => tx.putBill(billRow(id(at), "a", { untilMs: at, pollNs: 9n })));
  }
}
