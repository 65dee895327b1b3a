import { assert, assertEquals, assertRejects } from "@std/assert";
import { SqliteStore } from "../../manager/resource/sqlite_store.ts";
import { LeaseOver, LeaseRefused } from "../../runtime/errors.ts";
import { verifyGrant } from "../../runtime/grant/grant.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { ManagerRefused } from "../../runtime/http/manager_refused.ts";
import { FakeClock, TestManager } from "./resource_support.ts";

const small = { workers: 1, memoryBytes: 2 ** 20, seconds: 60 };

/** Adds a token beside those that a resource manager makes. */
async function addClient(test: TestManager, name: string): Promise<ManagerClient> {
  const { token } = await test.operator.createToken({ role: "client", name });
  return new ManagerClient({ url: test.url, token });
}

Deno.test("`takeLease()` offers up to three candidates, the emptiest first", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  for (const cores of [2, 8, 4, 6, 1]) await test.register(`n${cores}`, { cores });
  const taken = await test.client.takeLease({ ...small, workers: 2 });
  assertEquals(taken.grants.map((grant) => grant.name), ["n8", "n6", "n4"]);
  assertEquals(taken.expiresMs, clock.nowMs + 60_000);
  const { keys, node, epoch } = await test.register("n1", { cores: 1 });
  const grant = verifyGrant(taken.grants[0]!.grant, keys);
  assertEquals(grant.lease, taken.lease);
  assertEquals(grant.node, taken.grants[0]!.node);
  assertEquals([grant.client, grant.workers, grant.memoryBytes], ["client", 2, 2 ** 20]);
  assertEquals(grant.claimByMs, clock.nowMs + 2000);
  assertEquals(grant.expiresMs, taken.expiresMs);
  assertEquals([typeof node, epoch], ["string", 2]);
});

Deno.test("`takeLease()` counts candidates as taken until one is claimed", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const a = await test.register("a");
  await test.register("b");
  const taken = await test.client.takeLease({ ...small, workers: 3 });
  assertEquals(await test.freeCores(), { a: 1, b: 1 });
  const report = { epoch: a.epoch, state: "claimed", workers: 3 } as const;
  await test.node.reportLease(a.node, taken.lease, report);
  assertEquals(await test.freeCores(), { a: 1, b: 4 });
  await test.node.reportLease(a.node, taken.lease, report);
  assertEquals(await test.freeCores(), { a: 1, b: 4 });
});

Deno.test("`reportLease()` refuses a second node's claim of a satisfied lease", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const a = await test.register("a");
  const b = await test.register("b");
  const { lease } = await test.client.takeLease(small);
  const report = { epoch: 1, state: "claimed", workers: 1 } as const;
  await test.node.reportLease(a.node, lease, report);
  await assertRejects(() => test.node.reportLease(b.node, lease, report), LeaseOver);
  const beat = { epoch: 1, leases: [{ lease, workers: 1 }] };
  assertEquals((await test.node.heartbeat(b.node, beat)).end, [lease]);
  assertEquals((await test.node.heartbeat(a.node, beat)).end, []);
});

Deno.test("`reportLease()` adds up claims of parts, and never past the lease", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const a = await test.register("a");
  const b = await test.register("b");
  const { lease } = await test.client.takeLease({ ...small, workers: 4 });
  const report = (workers: number) => ({ epoch: 1, state: "claimed", workers }) as const;
  await test.node.reportLease(a.node, lease, report(2));
  assertEquals(await test.freeCores(), { a: 2, b: 0 });
  await assertRejects(() => test.node.reportLease(b.node, lease, report(4)), LeaseOver);
  await test.node.reportLease(b.node, lease, report(2));
  assertEquals(await test.freeCores(), { a: 2, b: 2 });
});

Deno.test("`takeLease()` gives back what nobody claimed within two seconds", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  await test.register("a");
  const { lease } = await test.client.takeLease({ ...small, workers: 4 });
  clock.nowMs += 2000;
  const full = await assertRejects(() => test.client.takeLease(small), LeaseRefused);
  assertEquals(full.reason, "full");
  clock.nowMs += 1;
  await test.client.takeLease(small);
  assertEquals(await test.freeCores(), { a: 3 });
  await assertRejects(() => test.client.renewLease(lease, { seconds: 60 }), LeaseOver);
});

Deno.test("`reportLease()` lets a claim heard of too late hold while there is room", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node } = await test.register("a");
  const first = await test.client.takeLease({ ...small, workers: 3, seconds: 5 });
  clock.nowMs += 2500;
  assertEquals(await test.freeCores(), { a: 4 });
  const report = { epoch: 1, state: "claimed", workers: 3 } as const;
  await test.node.reportLease(node, first.lease, report);
  assertEquals(await test.freeCores(), { a: 1 });

  await test.client.endLease(first.lease);
  const second = await test.client.takeLease({ ...small, workers: 3, seconds: 5 });
  clock.nowMs += 2500;
  await test.node.heartbeat(node, { epoch: 1, leases: [] });
  await test.client.takeLease({ ...small, workers: 2 });
  await assertRejects(() => test.node.reportLease(node, second.lease, report), LeaseOver);
  clock.nowMs += 2500;
  await test.node.heartbeat(node, { epoch: 1, leases: [] });
  assertEquals(await test.freeCores(), { a: 4 });
  await assertRejects(() => test.node.reportLease(node, second.lease, report), LeaseOver);
});

Deno.test("`takeLease()` tells no nodes, full nodes and nonsense apart", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const reason = async (asked: Partial<typeof small>) =>
    (await assertRejects(() => test.client.takeLease({ ...small, ...asked }), LeaseRefused)).reason;
  assertEquals(await reason({}), "no-nodes");
  await test.register("a");
  assertEquals(await reason({ workers: 5 }), "full");
  assertEquals(await reason({ memoryBytes: 2 ** 31 }), "full");
  const nonsense = [
    { workers: 0 },
    { workers: 1025 },
    { workers: 2 ** 31 },
    { workers: 1.5 },
    { workers: NaN },
    { memoryBytes: -1 },
    { memoryBytes: Infinity },
    { seconds: 0 },
    { seconds: 86_401 },
    { seconds: 1.5 },
  ];
  for (const asked of nonsense) assertEquals(await reason(asked), "bad-request");
  assertEquals(await test.freeCores(), { a: 4 });
});

Deno.test("`renewLease()` moves the end and signs grants that say so", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node, keys } = await test.register("a");
  await test.register("b");
  const { lease } = await test.client.takeLease({ ...small, seconds: 10 });
  await test.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 1 });
  clock.nowMs += 9000;
  const renewed = await test.client.renewLease(lease, { seconds: 10 });
  assertEquals(renewed.expiresMs, clock.nowMs + 10_000);
  assertEquals(renewed.grants.map((grant) => grant.name), ["a"]);
  const grant = verifyGrant(renewed.grants[0]!.grant, keys);
  assertEquals([grant.lease, grant.expiresMs], [lease, renewed.expiresMs]);
  const sooner = await test.client.renewLease(lease, { seconds: 1 });
  assertEquals(sooner.expiresMs, renewed.expiresMs);
  clock.nowMs = renewed.expiresMs;
  await assertRejects(() => test.client.renewLease(lease, { seconds: 10 }), LeaseOver, "expired");
  assertEquals(await test.freeCores(), { a: 4, b: 4 });
});

Deno.test("`endLease()` frees the cores and may be repeated", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const { node } = await test.register("a");
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 1 });
  await test.client.endLease(lease);
  await test.client.endLease(lease);
  assertEquals(await test.freeCores(), { a: 4 });
  assertEquals((await test.client.leases()).leases, []);
  await assertRejects(() => test.client.renewLease(lease, { seconds: 1 }), LeaseOver, "given-back");
  const beat = { epoch: 1, leases: [{ lease, workers: 1 }] };
  assertEquals((await test.node.heartbeat(node, beat)).end, [lease]);
});

Deno.test("`renewLease()`, `endLease()` and `leases()` know nothing of others' leases", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  await test.register("a");
  using other = await addClient(test, "other");
  const { lease } = await test.client.takeLease(small);
  const unknown = "0".repeat(32);
  const messageOf = async (act: () => Promise<unknown>, id: string) =>
    (await assertRejects(act, LeaseOver)).message.replace(id, "ID");
  for (const id of [lease, unknown]) {
    assertEquals(
      await messageOf(() => other.endLease(id), id),
      'Cannot find lease: "ID" is not known',
    );
    assertEquals(
      await messageOf(() => other.renewLease(id, { seconds: 1 }), id),
      'Cannot find lease: "ID" is not known',
    );
  }
  assertEquals((await other.leases()).leases, []);
  assertEquals((await test.client.leases()).leases.map((each) => each.lease), [lease]);
  assertEquals((await test.operator.leases()).leases.map((each) => each.client), ["client"]);
  await test.operator.endLease(lease);
  assertEquals((await test.client.leases()).leases, []);
});

Deno.test("`reportLease()` refuses more workers than granted, and leases never offered", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const { node } = await test.register("a");
  const { lease } = await test.client.takeLease(small);
  const refused = await assertRejects(
    () => test.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 2 }),
    ManagerRefused,
  );
  assertEquals([refused.status, refused.code], [400, "bad-request"]);
  const report = { epoch: 1, state: "ended", workers: 1, reason: "drained" } as const;
  await assertRejects(() => test.node.reportLease(node, "f".repeat(32), report), LeaseOver);
  await test.node.reportLease(node, lease, report);
  await test.node.reportLease(node, lease, report);
  await assertRejects(() => test.client.renewLease(lease, { seconds: 1 }), LeaseOver, "drained");
});

Deno.test("the sweeper frees expired leases when nobody asks", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  await test.register("a");
  const { lease } = await test.client.takeLease(small);
  clock.nowMs += 2001;
  const store = new SqliteStore(`${test.dir}/state/state.sqlite`);
  try {
    for (let tries = 0; tries < 50; tries++) {
      const row = await store.transact((tx) => tx.lease(lease));
      if (row?.endReason === "lapsed") return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert(false, "The lease was not swept within 2.5 s");
  } finally {
    store.close();
  }
});
