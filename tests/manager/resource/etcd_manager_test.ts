/** Resource managers with their rows on etcd. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { getLogger } from "../../../manager/log.ts";
import { openBooks } from "../../../manager/resource/books/open_books.ts";
import { ROLES } from "../../../manager/resource/books/tokens.ts";
import { EtcdStore } from "../../../manager/resource/store/etcd/etcd_store.ts";
import { Seal } from "../../../manager/resource/store/etcd/seal.ts";
import { StateUnavailableError } from "../../../manager/state_dir.ts";
import { UnauthorizedError } from "../../../runtime/errors.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { EtcdMembers, etcdPath, needsEtcd } from "../../support/manager/etcd_members.ts";
import { EtcdProxy } from "../../support/manager/etcd_proxy.ts";
import { TestManager } from "../../support/manager/test_manager.ts";
import { ManagerGroup } from "../../support/manager/manager_group.ts";
import {
  ResourceManagerProcess,
  withFolder,
} from "../../support/processes/resource_manager_process.ts";

const etcd = etcdPath === undefined ? undefined : await EtcdMembers.start();
globalThis.addEventListener("unload", () => etcd?.killAll());

const WILDCARD = "http://0.0.0.0:0";
const LOOPBACK = "http://127.0.0.1:0";
const small = { workers: 1, memoryBytes: 2 ** 20, termMs: 60_000 };

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: name + needsEtcd, ignore: etcd === undefined, fn });
}

test("a resource manager names no wildcard address to standbys, but the next one that it has", async () => {
  for (const [listen, isNamed] of [[[WILDCARD], false], [[WILDCARD, LOOPBACK], true]] as const) {
    const store = { address: etcd!.store() };
    await withFolder(async (folder) => {
      const first = await TestManager.start({ store, listen }, `${folder}/first`);
      await Deno.mkdir(`${folder}/second/state`, { recursive: true });
      const [key, copy] = ["first", "second"].map((name) => `${folder}/${name}/state/store.key`);
      await Deno.copyFile(key!, copy!);
      const args = ["--store", store.address];
      await using second = await ResourceManagerProcess.start(`${folder}/second/state`, { args });
      const health = await (await fetch(`${second.url}/v1/health`)).json();
      const [, named] = first.manager.urls;
      assertEquals([health.role, health.leader], ["standby", isNamed ? named : undefined]);
      await first.stop();
    });
  }
});

test("a resource manager that cannot begin to lead leaves it to another one", async () => {
  await using group = await ManagerGroup.start(3, etcd!.store());
  const [first, second, third] = group.members as [
    ResourceManagerProcess,
    ResourceManagerProcess,
    ResourceManagerProcess,
  ];
  // It cannot replace this by a file.
  await Deno.mkdir(`${group.stateDir(1)}/client.token/in-the-way`, { recursive: true });
  await first.kill();
  assertEquals(await group.leader([third]), third);
  assert((await (await fetch(`${second.url}/v1/health`)).json()).role === "standby");
});

test("a new leader neither commits anything before it answers, nor writes files that are as they should be", async () => {
  const prefix = `/${crypto.randomUUID()}`;
  await withFolder(async (folder) => {
    const first = await TestManager.start({ store: { address: etcd!.store(prefix) } }, folder);
    await first.stop();
    const state = `${folder}/state`;
    const inodes = () => ROLES.map((role) => Deno.statSync(`${state}/${role}.token`).ino);
    const before = inodes();
    const proxy = new EtcdProxy(etcd!.addresses[0]!);
    await using _proxy = proxy;
    const connection = { members: [proxy.address] };
    const seal = await Seal.open(`${state}/store.key`);
    const store = await EtcdStore.open({ connection, prefix, seal });
    let commits = 0;
    const batch = new TextEncoder().encode(`${prefix}/1/batch`).toBase64();
    proxy.fate = (_, body) => {
      if (body.includes("request_put") && body.includes(batch)) commits++;
      return "pass";
    };
    const books = await openBooks(store, state, {}, getLogger(["rfaas", "test"]), () => 0);
    assertEquals([inodes(), commits], [before, 0]);
    await books.begun();
    assertEquals(commits, 1);
    const events = await store.transact((tx) => tx.events({ limit: 9 }).rows);
    assertEquals(events.filter(({ event }) => event === "manager-started").length, 2);
    await books.stopWaiting();
    await store.close();
  });
});

test("a resource manager on etcd continues from the rows and tokens of another one", async () => {
  const address = etcd!.store();
  await withFolder(async (folder) => {
    const start = (name: string) => TestManager.start({ store: { address } }, `${folder}/${name}`);
    const first = await start("first");
    const { node, keys } = await first.register("a");
    const { lease } = await first.client.takeLease(small);
    await first.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 1 });
    const created = await first.operator.createToken({ role: "client", name: "ada" });
    const token = first.token("client");
    await assertRejects(() => start("second"), StateUnavailableError, "copy store.key");
    await first.stop();

    await Deno.copyFile(`${folder}/first/state/store.key`, `${folder}/second/state/store.key`);
    const second = await start("second");
    assertEquals(second.token("client"), token, "the tokens of the first manager");
    const heartbeat = { epoch: 1, leases: [{ lease, workers: 1 }] };
    const response = await second.node.heartbeat(node, heartbeat);
    assertEquals([response.end, response.keys], [[], keys]);
    assertEquals(await second.freeCores(), { a: 3 });
    assertEquals((await second.client.renewLease(lease, small)).grants.length, 1);
    const names = (await second.operator.tokens()).tokens.map(({ name }) => name);
    assertEquals(names, ["ada", "client", "node", "operator"]);
    assert(!JSON.stringify(await second.operator.tokens()).includes(created.token));
    await second.operator.revokeToken("client");
    await second.stop();

    // The file of the first manager still has the revoked token.
    assertEquals(first.token("client"), token);
    const again = await start("first");
    assert(again.token("client") !== token, "a revoked token is replaced");
    using revoked = new ManagerClient({ url: again.url, token });
    await assertRejects(() => revoked.nodes(), UnauthorizedError);
    await again.stop();
  });
});
