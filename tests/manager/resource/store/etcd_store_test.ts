/** The store on etcd while etcd, its network or a resource manager fails. store_conformance_test.ts has the rest. */
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { EtcdStore } from "../../../../manager/resource/store/etcd/etcd_store.ts";
import { EtcdClient } from "../../../../manager/resource/store/etcd/etcd_client.ts";
import {
  ARCHIVE_EVERY_MS,
  BILLS_PER_ARCHIVE,
} from "../../../../manager/resource/store/etcd/etcd_policy.ts";
import { Seal } from "../../../../manager/resource/store/etcd/seal.ts";
import type { BillRow } from "../../../../manager/resource/store/store.ts";
import { NotLeaderError } from "../../../../manager/resource/store/store_errors.ts";
import { StateUnavailableError } from "../../../../manager/state_dir.ts";
import { etcdFolder, seal } from "../../../support/etcd_folder.ts";
import { EtcdMembers, etcdPath, needsEtcd } from "../../../support/manager/etcd_members.ts";
import { EtcdProxy } from "../../../support/manager/etcd_proxy.ts";
import { billRow, keyRow, leaseRow, nodeRow } from "../../../support/manager/store_rows.ts";
import { until } from "../../../support/waiting.ts";

const etcd = etcdPath === undefined ? undefined : await EtcdMembers.start();
globalThis.addEventListener("unload", () => etcd?.killAll());

/** More rows than one transaction of etcd accepts. */
const MANY = 1000;

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: name + needsEtcd, ignore: etcd === undefined, fn });
}

const fresh = () => etcdFolder(etcd!);

const base64 = (text: string) => new TextEncoder().encode(text).toBase64();
const epochOf = (store: EtcdStore) => store.transact((tx) => tx.node("a")?.epoch);

test("a change whose response is lost is made, and the next one follows it", async () => {
  await using at = fresh();
  const store = await at.openBehind();
  let lost = 0;
  at.proxy.fate = (_, body) => {
    const isRow = body.includes(base64(`${at.prefix}/1/n/a`));
    return isRow && lost++ < 2 ? "lose response" : "pass";
  };
  await store.transact((tx) => tx.putNode(nodeRow("a", { epoch: 1 })));
  assert(lost >= 2, "the response was lost");
  await store.transact((tx) => tx.putNode(nodeRow("a", { epoch: tx.node("a")!.epoch + 1 })));
  await store.close();
  const again = await at.openDirectly();
  assertEquals(await epochOf(again), 2);
  await again.close();
});

test("a leader that was cut off and replaced answers and writes nothing, and names its successor", async () => {
  await using at = fresh();
  const old = await at.openBehind({ url: "http://old" });
  await old.transact((tx) => tx.putNode(nodeRow("a", { epoch: 1 })));
  at.proxy.cut();
  const successor = await at.openDirectly({ url: "http://new" });
  await successor.transact((tx) => tx.putNode(nodeRow("a", { epoch: 2 })));
  const read = epochOf(old);
  read.catch(() => {});
  // A read that shares a commit with a write would wait for it in any case.
  await new Promise((resolve) => setTimeout(resolve));
  const write = old.transact((tx) => tx.putNode(nodeRow("a", { epoch: 7 })));
  write.catch(() => {});
  at.proxy.heal();
  for (const refused of [() => write, () => read, () => epochOf(old)]) {
    const error = await assertRejects(refused, NotLeaderError);
    assertEquals(error.leader, "http://new");
  }
  assertInstanceOf(await old.shared.ended, NotLeaderError);
  assertEquals(await epochOf(successor), 2);
  await old.close();
  assertEquals(await epochOf(successor), 2, "the close of the old leader ends no other term");
  await successor.close();
});

test("a leader whose last write counted and that was replaced before the response reports success", async () => {
  await using at = fresh();
  const old = await at.openBehind();
  const row = base64(`${at.prefix}/1/n/a`);
  let isCut = false;
  at.proxy.fate = (_, body) => {
    if (isCut) return "lose request";
    if (!body.includes(row)) return "pass";
    isCut = true;
    return "lose response";
  };
  const written = old.transact((tx) => tx.putNode(nodeRow("a", { epoch: 3 })));
  await until(() => isCut, () => "the write arrived");
  const successor = await at.openDirectly();
  assertEquals(await epochOf(successor), 3);
  at.proxy.heal();
  await written;
  await old.close();
  await successor.close();
});

for (
  const [name, fate, workers] of [
    ["before it is complete in etcd leaves nothing", "lose request", 2],
    ["after it is complete in etcd is completed by the next leader", "lose response", 7],
  ] as const
) {
  test(`a change of many rows whose leader ends ${name}`, async () => {
    await using at = fresh();
    const ids = Array.from({ length: MANY }, (_, n) => `lease-${n}`);
    const first = await at.openBehind();
    await first.transact((tx) => ids.forEach((id) => tx.putLease(leaseRow(id))));
    const journal = base64(`${at.prefix}/1/journal`);
    let isCut = false;
    at.proxy.fate = (_, body) => {
      if (isCut) return "lose request";
      if (!body.includes(journal)) return "pass";
      isCut = true;
      return fate;
    };
    const change = first.transact((tx) =>
      ids.forEach((id) => tx.putLease(leaseRow(id, { workers: 7 })))
    );
    change.catch(() => {});
    await until(() => isCut, () => "the journal was written");
    const second = await at.openDirectly();
    const found = await second.transact((tx) => tx.runningLeases().map((lease) => lease.workers));
    assertEquals(new Set(found), new Set([workers]));
    assertEquals(found.length, MANY);
    await second.close();
    await first.close();
    const third = await at.openDirectly();
    const kept = await third.transact((tx) => tx.runningLeases().map((lease) => lease.workers));
    assertEquals(new Set(kept), new Set([workers]));
    await third.close();
  });
}

test("secrets are in etcd only sealed, and do not open with another key", async () => {
  await using at = fresh();
  const secret = "a-very-private-key";
  const texts: string[] = [];
  at.proxy.fate = (_, body) => {
    texts.push(body);
    return "pass";
  };
  const store = await at.openBehind();
  await store.transact((tx) => {
    tx.putKey({ ...keyRow("k"), privatePkcs8: secret });
    tx.replaceToken({ hash: "h", role: "client", name: "client", text: secret }, 1);
  });
  await store.close();
  const sent = texts.flatMap((text) => text.match(/"value":"[^"]*"/g) ?? [])
    .map((text) => new TextDecoder().decode(Uint8Array.fromBase64(text.slice(9, -1))));
  assert(sent.some((text) => text.includes("privatePkcs8")));
  assertEquals(sent.filter((text) => text.includes(secret)), []);
  const again = await at.openDirectly();
  assertEquals(await again.transact((tx) => tx.keys()[0]?.privatePkcs8), secret);
  assertEquals(await again.transact((tx) => tx.token("h")?.text), secret);
  await again.close();
  const other = new Seal(new Uint8Array(32).fill(1));
  await assertRejects(() => at.openDirectly({ seal: other }), StateUnavailableError, "store.key");
});

test("the clock of a leader begins after all times of the leader before it", async () => {
  await using at = fresh();
  const now = Date.now;
  Date.now = () => now() + 3_600_000;
  const ahead = await at.openDirectly().finally(() => Date.now = now);
  const latestMs = await ahead.transact((tx) => {
    tx.putNode(nodeRow("a"));
    return ahead.shared.clock();
  });
  await ahead.close();
  const next = await at.openDirectly();
  assert(next.shared.clock() >= latestMs, `${next.shared.clock()} is before ${latestMs}`);
  await next.close();
});

test("a store that etcd does not keep is refused, and the rows in memory are undone", async () => {
  await using full = await EtcdMembers.start({ args: ["--quota-backend-bytes", "300000"] });
  const connection = { members: full.addresses };
  const store = await EtcdStore.open({ connection, prefix: "/full", seal });
  const long = "x".repeat(100_000);
  let made = 0;
  const fill = async () => {
    for (; made < 20; made++) {
      await store.transact((tx) => tx.putNode(nodeRow(`n${made}`, { bootId: long })));
    }
  };
  await assertRejects(fill, Error, "database space exceeded");
  assertEquals(await store.transact((tx) => tx.nodes().length), made);
  await store.close();
});

test("changes go on while a member of three is killed, and after another one is", async () => {
  await using members = await EtcdMembers.start({ size: 3 });
  const connection = { members: members.addresses };
  const store = await EtcdStore.open({ connection, prefix: "/three", seal });
  let epoch = 0;
  const write = () => store.transact((tx) => tx.putNode(nodeRow("a", { epoch: ++epoch })));
  for (const at of [0, 1]) {
    await write();
    await members.kill(at);
    await write();
    await write();
    await members.run(at);
    await until(() => members.isHealthy(), () => "etcd is healthy");
  }
  await store.close();
  const again = await EtcdStore.open({ connection, prefix: "/three", seal });
  assertEquals(await epochOf(again), epoch);
  await again.close();
});

test("a store opens although a member reads no rows, and not if none does", async () => {
  await using at = fresh();
  await using other = new EtcdProxy(etcd!.addresses[0]!);
  const members = [at.proxy.address, other.address];
  const first = await at.openDirectly();
  await first.transact((tx) => tx.putNode(nodeRow("a", { epoch: 3 })));
  await first.close();
  let reads = 0;
  const loseReads = (path: string) => {
    if (!path.endsWith("/range")) return "pass";
    reads++;
    return "lose request";
  };
  at.proxy.fate = loseReads;
  const store = await at.open(members);
  assertEquals(await epochOf(store), 3);
  await store.close();
  assertEquals(reads, 1);
  other.fate = loseReads;
  await assertRejects(() => at.open(members), StateUnavailableError, "502");
});

test("a store archives no bills before it has loaded all rows", async () => {
  await using at = fresh();
  let isRead = false;
  at.proxy.fate = (path) => {
    isRead ||= path.endsWith("/range");
    return "pass";
  };
  const began: boolean[] = [];
  const { setInterval: real } = globalThis;
  const set = (callback: () => void, ms: number) => {
    if (ms === ARCHIVE_EVERY_MS) began.push(isRead);
    return real(callback, ms);
  };
  try {
    globalThis.setInterval = set as typeof setInterval;
    const store = await at.openBehind();
    await store.close();
    assertEquals(began, [true]);
  } finally {
    globalThis.setInterval = real;
  }
});

test("closed bills share few keys in etcd, and are the same bills for each later leader", async () => {
  await using at = fresh();
  const text = ({ lease, untilMs, heldNs }: BillRow) => `${lease} ${untilMs} ${heldNs}`;
  const billsOf = (store: EtcdStore) =>
    store.transact((tx) => tx.bills({ limit: 1000 }).map(text).sort());
  const first = await at.openDirectly();
  const ids = Array.from({ length: 2 * BILLS_PER_ARCHIVE + 5 }, (_, n) => `closed-${n}`);
  await first.transact((tx) => {
    tx.putLease(leaseRow("runs"));
    tx.putBill(billRow("runs", "a"));
    ids.forEach((id, n) => tx.putBill(billRow(id, "a", { heldNs: 2n ** 62n + BigInt(n) })));
  });
  const expected = await billsOf(first);
  using client = new EtcdClient({ members: etcd!.addresses });
  const keysOf = async (folder: string) => {
    return (await client.changes(`${at.prefix}/1/${folder}/`, 0, 1000)).count;
  };
  assertEquals([await keysOf("b"), await keysOf("a")], [ids.length + 1, 0]);
  await first.archiveBills();
  assertEquals([await keysOf("b"), await keysOf("a")], [6, 2]);
  assertEquals(await billsOf(first), expected);
  await first.close();

  const second = await at.openDirectly();
  assertEquals(await billsOf(second), expected);
  // A node that was cut off reports more than an hour later.
  const late = billRow("closed-1", "a", { untilMs: 99, heldNs: 2n ** 62n + 700n });
  await second.transact((tx) => tx.putBill(late));
  await assertRejects(
    () =>
      second.transact((tx) => {
        tx.putBill(billRow("closed-2", "a", { heldNs: 2n ** 62n + 900n }));
        throw new Error("aborted");
      }),
    Error,
    "aborted",
  );
  assertEquals(await keysOf("b"), 7);
  const grown = expected.map((each) => each.startsWith("closed-1 ") ? text(late) : each).sort();
  assertEquals(await billsOf(second), grown);
  const more = Array.from({ length: BILLS_PER_ARCHIVE }, (_, n) => billRow(`more-${n}`, "a"));
  await second.transact((tx) => more.forEach((bill) => tx.putBill(bill)));
  await second.archiveBills();
  assertEquals([await keysOf("b"), await keysOf("a")], [7, 3]);
  await second.close();

  const third = await at.openDirectly();
  assertEquals(await billsOf(third), [...grown, ...more.map(text)].sort());
  await third.close();
});
