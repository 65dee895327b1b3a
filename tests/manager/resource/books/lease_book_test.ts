import { assert, assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { LeaseOverError, LeaseRefusedError } from "../../../../runtime/errors.ts";
import { verifyGrant } from "../../../../runtime/grant/grant.ts";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { ManagerRefusedError } from "../../../../runtime/http/manager_refused.ts";
import { claimWorkers } from "../../../../runtime/keeper/claim_workers.ts";
import { firstIndexes } from "../../../../runtime/protocol/serve_terms.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";
import { until } from "../../../support/waiting.ts";

const small = { workers: 1, memoryBytes: 2 ** 20, termMs: 60_000 };

/** Adds a token to those that a resource manager creates. */
async function addClient(test: TestManager, name: string): Promise<ManagerClient> {
  const { token } = await test.operator.createToken({ role: "client", name });
  return new ManagerClient({ url: test.url, token });
}

Deno.test("`takeLease()` offers up to three candidates, the emptiest first", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  for (const cores of [2, 8, 4, 6, 1]) await test.register(`n${cores}`, { cores });
  const granted = await test.client.takeLease({ ...small, workers: 2 });
  assertEquals(granted.grants.map((grant) => grant.name), ["n8", "n6", "n4"]);
  assertEquals(granted.expiresMs, clock.nowMs + 60_000);
  const { keys, node, epoch } = await test.register("n1", { cores: 1 });
  const grant = verifyGrant(granted.grants[0]!.grant, keys);
  assertEquals(grant.lease, granted.lease);
  assertEquals(grant.node, granted.grants[0]!.node);
  assertEquals([grant.client, grant.workers, grant.memoryBytes], ["client", 2, 2 ** 20]);
  assertEquals(grant.claimByMs, clock.nowMs + 2000);
  assertEquals(grant.expiresMs, granted.expiresMs);
  assertEquals([typeof node, epoch], ["string", 2]);
});

Deno.test("`takeLease()` reserves the cores of a lease on its first candidate only", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const a = await test.register("a");
  const b = await test.register("b");
  const granted = await test.client.takeLease({ ...small, workers: 3 });
  assertEquals(granted.grants.map(({ name }) => name), ["a", "b"]);
  assertEquals(await test.freeCores(), { a: 1, b: 4 });
  const report = { epoch: 1, state: "claimed", workers: 3 } as const;
  await test.node.reportLease(b.node, granted.lease, report);
  assertEquals(await test.freeCores(), { a: 4, b: 1 });
  await test.node.reportLease(b.node, granted.lease, report);
  assertEquals(await test.freeCores(), { a: 4, b: 1 });
  await assertRejects(() => test.node.reportLease(a.node, granted.lease, report), LeaseOverError);
});

Deno.test("twelve leases of one worker at once, and four of three, fill three empty nodes of four cores", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  for (const name of ["a", "b", "c"]) await test.register(name);
  for (const [count, workers] of [[12, 1], [4, 3]] as const) {
    const leases = await Promise.all(
      Array.from({ length: count }, () => test.client.takeLease({ ...small, workers })),
    );
    assertEquals(await test.freeCores(), { a: 0, b: 0, c: 0 }, `${count} of ${workers}`);
    const full = await assertRejects(() => test.client.takeLease(small), LeaseRefusedError);
    assertEquals(full.reason, "full");
    // Each client claims as the library does.
    for (const { lease, grants } of leases) {
      const claim = ({ node }: { node: string }, { length }: readonly number[]) =>
        test.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: length });
      const { missing } = await claimWorkers(grants, firstIndexes(workers), claim);
      assertEquals(missing, 0);
    }
    for (const { lease } of leases) await test.client.releaseLease(lease);
  }
});

Deno.test("`takeLease()` leaves out the nodes that the client avoids", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const nodes = new Map<string, string>();
  for (const name of ["a", "b", "c"]) nodes.set(name, (await test.register(name)).node);
  const named = async (...avoid: string[]) => {
    const ids = avoid.map((name) => nodes.get(name)!);
    return (await test.client.takeLease({ ...small, avoid: ids })).grants.map(({ name }) => name);
  };
  assertEquals(await named("a"), ["b", "c"]);
  assertEquals(await named("b", "a"), ["c"]);
  const refused = await assertRejects(() => named("a", "b", "c"), LeaseRefusedError);
  assertEquals(refused.reason, "full");
  assert(refused.message.includes("apart from 3 that the client avoids"), refused.message);
});

Deno.test("a client that never claims keeps cores from others for a sixth of the time at most", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  for (const name of ["a", "b", "c"]) await test.register(name);
  const quota = { workers: 4, leases: 1 };
  const { token } = await test.operator.createToken({ role: "client", name: "eve", quota });
  using eve = new ManagerClient({ url: test.url, token });
  const seconds = 65;
  let heldMs = 0;
  for (let ms = 0; ms < seconds * 1000; ms += 500) {
    // Every 2 s she takes four cores, and releases some of them in time.
    if (ms % 2000 === 0) {
      const { lease } = await eve.takeLease({ ...small, workers: 4, termMs: 5000 });
      if (ms % 6000 === 0) await eve.releaseLease(lease);
    }
    const free = Object.values(await test.freeCores());
    const held = 12 - free.reduce((sum, cores) => sum + cores, 0);
    assert(held <= 4, `${held} cores are held, her quota is 4`);
    if (held > 0) heldMs += 500;
    clock.nowMs += 500;
    for (const { node } of (await test.operator.nodes()).nodes) {
      await test.node.heartbeat(node, { epoch: 1, leases: [] });
    }
    if (ms % 2000 === 1500) clock.nowMs++; // the candidates lapse
  }
  assert(heldMs > 0 && heldMs <= seconds * 1000 / 6 + 2000, `${heldMs} ms of ${seconds} s`);
  // A client that claims what it gets is not affected.
  const { grants: [first], lease } = await test.client.takeLease({ ...small, workers: 4 });
  await test.node.reportLease(first!.node, lease, { epoch: 1, state: "claimed", workers: 4 });
});

Deno.test("`reportLease()` refuses a second node's claim of a complete lease", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const a = await test.register("a");
  const b = await test.register("b");
  const { lease } = await test.client.takeLease(small);
  const report = { epoch: 1, state: "claimed", workers: 1 } as const;
  await test.node.reportLease(a.node, lease, report);
  await assertRejects(() => test.node.reportLease(b.node, lease, report), LeaseOverError);
  const heartbeat = { epoch: 1, leases: [{ lease, workers: 1 }] };
  assertEquals((await test.node.heartbeat(b.node, heartbeat)).end, [lease]);
  assertEquals((await test.node.heartbeat(a.node, heartbeat)).end, []);
});

Deno.test("`reportLease()` adds up the claims of parts, at most to the size of the lease", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const a = await test.register("a");
  const b = await test.register("b");
  const { lease } = await test.client.takeLease({ ...small, workers: 4 });
  const report = (workers: number) => ({ epoch: 1, state: "claimed", workers }) as const;
  await test.node.reportLease(a.node, lease, report(2));
  assertEquals(await test.freeCores(), { a: 2, b: 4 });
  await assertRejects(() => test.node.reportLease(b.node, lease, report(4)), LeaseOverError);
  await test.node.reportLease(b.node, lease, report(2));
  assertEquals(await test.freeCores(), { a: 2, b: 2 });
});

Deno.test("`takeLease()` frees candidates that were not claimed within two seconds", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  await test.register("a");
  const { lease } = await test.client.takeLease({ ...small, workers: 4 });
  clock.nowMs += 2000;
  const full = await assertRejects(() => test.client.takeLease(small), LeaseRefusedError);
  assertEquals(full.reason, "full");
  clock.nowMs += 1;
  using other = await addClient(test, "other");
  await other.takeLease(small);
  assertEquals(await test.freeCores(), { a: 3 });
  await assertRejects(() => test.client.renewLease(lease, { termMs: 60_000 }), LeaseOverError);
});

Deno.test("`reportLease()` accepts a late claim while the cores are free", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node } = await test.register("a");
  const first = await test.client.takeLease({ ...small, workers: 3, termMs: 5_000 });
  clock.nowMs += 2500;
  assertEquals(await test.freeCores(), { a: 4 });
  const report = { epoch: 1, state: "claimed", workers: 3 } as const;
  await test.node.reportLease(node, first.lease, report);
  assertEquals(await test.freeCores(), { a: 1 });

  await test.client.releaseLease(first.lease);
  const second = await test.client.takeLease({ ...small, workers: 3, termMs: 5_000 });
  clock.nowMs += 2500;
  await test.node.heartbeat(node, { epoch: 1, leases: [] });
  using other = await addClient(test, "other");
  await other.takeLease({ ...small, workers: 2 });
  await assertRejects(() => test.node.reportLease(node, second.lease, report), LeaseOverError);
  clock.nowMs += 2500;
  await test.node.heartbeat(node, { epoch: 1, leases: [] });
  assertEquals(await test.freeCores(), { a: 4 });
  await assertRejects(() => test.node.reportLease(node, second.lease, report), LeaseOverError);
});

Deno.test("`reportLease()` refuses a late claim if the client has used its quota for other leases", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node } = await test.register("a");
  const quota = { workers: 3, leases: 2 };
  const { token } = await test.operator.createToken({ role: "client", name: "eve", quota });
  using eve = new ManagerClient({ url: test.url, token });
  const [first, second] = [await eve.takeLease(small), await eve.takeLease(small)];
  clock.nowMs += 2500;
  await eve.takeLease({ ...small, workers: 2 });
  const report = { epoch: 1, state: "claimed", workers: 1 } as const;
  await test.node.reportLease(node, first.lease, report);
  const late = () => test.node.reportLease(node, second.lease, report);
  await assertRejects(late, LeaseOverError, "does not hold");
});

Deno.test("`takeLease()` distinguishes no nodes, full nodes and malformed requests", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const reason = async (request: Partial<typeof small>) =>
    (await assertRejects(() => test.client.takeLease({ ...small, ...request }), LeaseRefusedError))
      .reason;
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
    { termMs: 0 },
    { termMs: 86_401_000 },
    { termMs: 1500.5 },
  ];
  for (const request of nonsense) assertEquals(await reason(request), "bad-request");
  assertEquals(await test.freeCores(), { a: 4 });
});

Deno.test("`renewLease()` extends the lease and signs new grants", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node, keys } = await test.register("a");
  await test.register("b");
  const { lease } = await test.client.takeLease({ ...small, termMs: 10_000 });
  await test.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 1 });
  clock.nowMs += 9000;
  const renewed = await test.client.renewLease(lease, { termMs: 10_000 });
  assertEquals(renewed.expiresMs, clock.nowMs + 10_000);
  assertEquals(renewed.grants.map((grant) => grant.name), ["a"]);
  const grant = verifyGrant(renewed.grants[0]!.grant, keys);
  assertEquals([grant.lease, grant.expiresMs], [lease, renewed.expiresMs]);
  const sooner = await test.client.renewLease(lease, { termMs: 1_000 });
  assertEquals(sooner.expiresMs, renewed.expiresMs);
  clock.nowMs = renewed.expiresMs;
  await assertRejects(
    () => test.client.renewLease(lease, { termMs: 10_000 }),
    LeaseOverError,
    "expired",
  );
  assertEquals(await test.freeCores(), { a: 4, b: 4 });
});

Deno.test("`releaseLease()` frees the cores and may be repeated", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const { node } = await test.register("a");
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 1 });
  await test.client.releaseLease(lease);
  await test.client.releaseLease(lease);
  assertEquals(await test.freeCores(), { a: 4 });
  assertEquals((await test.client.leases()).leases, []);
  await assertRejects(
    () => test.client.renewLease(lease, { termMs: 1_000 }),
    LeaseOverError,
    "released",
  );
  const heartbeat = { epoch: 1, leases: [{ lease, workers: 1 }] };
  assertEquals((await test.node.heartbeat(node, heartbeat)).end, [lease]);
});

Deno.test("`renewLease()`, `releaseLease()` and `leases()` hide the leases of other clients", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  await test.register("a");
  using other = await addClient(test, "other");
  const { lease } = await test.client.takeLease(small);
  const unknown = "0".repeat(32);
  const messageOf = async (act: () => Promise<unknown>, id: string) =>
    (await assertRejects(act, LeaseOverError)).message.replace(id, "ID");
  for (const id of [lease, unknown]) {
    assertEquals(
      await messageOf(() => other.releaseLease(id), id),
      'Cannot find lease: "ID" is unknown',
    );
    assertEquals(
      await messageOf(() => other.renewLease(id, { termMs: 1_000 }), id),
      'Cannot find lease: "ID" is unknown',
    );
  }
  assertEquals((await other.leases()).leases, []);
  assertEquals((await test.client.leases()).leases.map((each) => each.lease), [lease]);
  assertEquals((await test.operator.leases()).leases.map((each) => each.client), ["client"]);
  await test.operator.releaseLease(lease);
  assertEquals((await test.client.leases()).leases, []);
});

Deno.test("`reportLease()` refuses more workers than were granted, and leases that were never offered", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const { node } = await test.register("a");
  const { lease } = await test.client.takeLease(small);
  const refused = await assertRejects(
    () => test.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 2 }),
    ManagerRefusedError,
  );
  assertEquals([refused.status, refused.code], [400, "bad-request"]);
  const report = { epoch: 1, state: "ended", workers: 1, reason: "drained" } as const;
  await assertRejects(() => test.node.reportLease(node, "f".repeat(32), report), LeaseOverError);
  await test.node.reportLease(node, lease, report);
  await test.node.reportLease(node, lease, report);
  await assertRejects(
    () => test.client.renewLease(lease, { termMs: 1_000 }),
    LeaseOverError,
    "drained",
  );
});

Deno.test("the sweep frees expired leases without a request", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  await test.register("a");
  const { lease } = await test.client.takeLease(small);
  clock.nowMs += 2001;
  using db = new DatabaseSync(`${test.dir}/state/state.sqlite`, { readOnly: true });
  const reason = db.prepare("SELECT end_reason FROM leases WHERE id = ?");
  const isSwept = () => reason.get(lease)?.end_reason === "lapsed";
  await until(isSwept, () => "the lease is swept");
});

Deno.test("`takeLease()` gives a request that is repeated by its name the same lease, until that has ended", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node, keys } = await test.register("a");
  using other = await addClient(test, "other");
  const named = { ...small, request: "0123456789abcdef".repeat(2) };
  const first = await test.client.takeLease(named);
  clock.nowMs += 1000;
  await test.node.heartbeat(node, { epoch: 1, leases: [] });
  const again = await test.client.takeLease(named);
  assertEquals([again.lease, again.expiresMs], [first.lease, first.expiresMs]);
  assertEquals(verifyGrant(again.grants[0]!.grant, keys).lease, first.lease);
  assertEquals(await test.freeCores(), { a: 3 });
  const twice = await Promise.all([other.takeLease(named), other.takeLease(named)]);
  assertEquals(twice[0].lease, twice[1].lease);
  assert(twice[0].lease !== first.lease, "names of another client");
  assertEquals(await test.freeCores(), { a: 2 });
  await test.client.releaseLease(first.lease);
  const over = await assertRejects(() => test.client.takeLease(named), LeaseRefusedError);
  assertEquals(over.reason, "over");
});

Deno.test("a name that is used again later, once the rows of its lease are gone, makes another lease", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const named = { ...small, request: "0123456789abcdef".repeat(2) };
  const taken = new Set<string>();
  for (let round = 0; round < 3; round++) {
    const { node, epoch } = await test.register("a");
    const { lease } = await test.client.takeLease(named);
    assert(!taken.has(lease));
    taken.add(lease);
    await test.client.releaseLease(lease);
    clock.nowMs += 2 * 3_600_000;
    await test.node.heartbeat(node, { epoch, leases: [] });
  }
});
