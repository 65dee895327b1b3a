import { assertEquals, assertRejects } from "@std/assert";
import { LeaseOverError, LeaseRefusedError } from "../../../../runtime/errors.ts";
import { ManagerRefusedError } from "../../../../runtime/http/manager_refused.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";

const small = { workers: 1, memoryBytes: 2 ** 20, termMs: 60_000 };
const claimed = { epoch: 1, state: "claimed", workers: 1 } as const;

async function assertRegisterAgain(act: () => Promise<unknown>): Promise<void> {
  const error = await assertRejects(act, ManagerRefusedError);
  assertEquals([error.status, error.code], [409, "register-again"]);
}

Deno.test("`registerNode()` of a known name increments the epoch and frees the node", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const first = await test.register("a");
  assertEquals([first.epoch, first.heartbeatMs], [1, 1000]);
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(first.node, lease, claimed);
  const second = await test.register("a", { cores: 8 });
  assertEquals([second.node, second.epoch, second.keys], [first.node, 2, first.keys]);
  assertEquals(await test.freeCores(), { a: 8 });
  await assertRejects(
    () => test.client.renewLease(lease, { termMs: 9_000 }),
    LeaseOverError,
    "restarted",
  );
  await assertRegisterAgain(() => test.node.heartbeat(first.node, { epoch: 1, leases: [] }));
  await assertRegisterAgain(() => test.node.reportLease(first.node, lease, claimed));
  const heartbeat = { epoch: 2, leases: [{ lease, workers: 1 }] };
  assertEquals((await test.node.heartbeat(first.node, heartbeat)).end, [lease]);
});

Deno.test("`heartbeat()` of an unknown node is refused with `register-again`", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  await assertRegisterAgain(() => test.node.heartbeat("f".repeat(32), { epoch: 1, leases: [] }));
  await assertRegisterAgain(() => test.node.heartbeat("../x\n", { epoch: 1, leases: [] }));
});

Deno.test("a node that misses three heartbeats is lost until the next one", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node } = await test.register("a");
  const state = async () => (await test.client.nodes()).nodes[0]!.state;
  clock.nowMs += 3000;
  assertEquals(await state(), "up");
  clock.nowMs += 1;
  assertEquals(await state(), "lost");
  const refused = await assertRejects(() => test.client.takeLease(small), LeaseRefusedError);
  assertEquals(refused.reason, "no-nodes");
  const answer = await test.node.heartbeat(node, { epoch: 1, leases: [] });
  assertEquals(answer.nowMs, clock.nowMs);
  assertEquals(await state(), "up");
  await test.client.takeLease(small);
});

Deno.test("`heartbeat()` ends claims that it does not list, after a grace period", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node } = await test.register("a");
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(node, lease, claimed);
  clock.nowMs += 3000;
  await test.node.heartbeat(node, { epoch: 1, leases: [] });
  assertEquals(await test.freeCores(), { a: 3 });
  clock.nowMs += 1;
  await test.node.heartbeat(node, { epoch: 1, leases: [{ lease, workers: 1 }] });
  assertEquals(await test.freeCores(), { a: 3 });
  await test.node.heartbeat(node, { epoch: 1, leases: [] });
  assertEquals(await test.freeCores(), { a: 4 });
});

Deno.test("`heartbeat()` that was written before a claim does not end it, however late it arrives", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node } = await test.register("a");
  const { lease } = await test.client.takeLease(small);
  const writtenMs = clock.nowMs;
  await test.node.reportLease(node, lease, claimed);
  clock.nowMs += 5000;
  await test.node.heartbeat(node, { epoch: 1, writtenMs, leases: [] });
  assertEquals(await test.freeCores(), { a: 3 });
  const future = clock.nowMs + 60_000; // counts as written when it arrives
  await test.node.heartbeat(node, { epoch: 1, writtenMs: future, leases: [] });
  assertEquals(await test.freeCores(), { a: 4 });
});

Deno.test("`heartbeat()` that lists a candidate claims it", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const a = await test.register("a");
  await test.register("b");
  const { lease } = await test.client.takeLease({ ...small, workers: 2 });
  const heartbeat = {
    epoch: 1,
    leases: [{ lease, workers: 2 }, { lease: "0".repeat(32), workers: 1 }],
  };
  assertEquals((await test.node.heartbeat(a.node, heartbeat)).end, ["0".repeat(32)]);
  assertEquals(await test.freeCores(), { a: 2, b: 4 });
  clock.nowMs += 5000;
  assertEquals(await test.freeCores(), { a: 2, b: 4 });
});

Deno.test("`removeNode()` ends the leases of the node and may be repeated", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const { node } = await test.register("a");
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(node, lease, claimed);
  await test.operator.removeNode(node);
  await test.node.removeNode(node);
  assertEquals((await test.client.nodes()).nodes, []);
  await assertRejects(
    () => test.client.renewLease(lease, { termMs: 9_000 }),
    LeaseOverError,
    "removed",
  );
  await assertRegisterAgain(() => test.node.heartbeat(node, { epoch: 1, leases: [] }));
  const again = await test.register("a");
  assertEquals([again.epoch, again.node === node], [1, false]);
});

Deno.test("`registerNode()` refuses malformed names and addresses", async () => {
  await using test = await TestManager.start();
  const bad = [
    { name: "" },
    { name: 'a"b' },
    { name: "a\nb" },
    { name: "a\x1b[31m" },
    { name: "x".repeat(129) },
    { cores: 0 },
    { memoryBytes: -1 },
    { addresses: [] },
    { addresses: ["shm:a b"] },
    { bootId: "a/b" },
  ];
  for (const registration of bad) {
    const error = await assertRejects(() => test.register("a", registration), ManagerRefusedError);
    assertEquals([error.status, error.code], [400, "bad-request"]);
  }
});

Deno.test("`drainNode()` stops new leases and is sent with heartbeats, until `lendNode()` or a new start", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node } = await test.register("a");
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(node, lease, claimed);
  const heartbeat = async (epoch = 1) => {
    const leases = [{ lease, workers: 1 }];
    const { cores, graceMs } = (await test.node.heartbeat(node, { epoch, leases })).lent;
    return cores === 0 ? graceMs : null;
  };
  const state = async () => (await test.client.nodes()).nodes[0]!.state;
  assertEquals([await heartbeat(), await state()], [null, "up"]);
  await test.operator.drainNode(node, { graceMs: 5000 });
  await test.node.drainNode(node, { graceMs: 5000 });
  assertEquals([await heartbeat(), await state()], [5000, "draining"]);
  const refused = await assertRejects(() => test.client.takeLease(small), LeaseRefusedError);
  assertEquals(refused.reason, "no-nodes");
  await test.client.renewLease(lease, { termMs: 9_000 }); // leases go on until their node ends them
  await test.operator.lendNode(node);
  assertEquals([await heartbeat(), await state()], [null, "up"]);
  await test.client.takeLease(small);
  await test.operator.drainNode(node, { graceMs: 0 });
  await test.register("a");
  assertEquals(await state(), "up");
  for (
    const act of [
      () => test.operator.drainNode("f".repeat(32), { graceMs: 1 }),
      () => test.operator.lendNode("f".repeat(32)),
    ]
  ) assertEquals((await assertRejects(act, ManagerRefusedError)).code, "not-found");
});

Deno.test("`drainNode()` by a program and by an operator do not undo each other", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const { node } = await test.register("a");
  const entry = async () => {
    const { state, drainedBy } = (await test.client.nodes()).nodes[0]!;
    return [state, ...drainedBy];
  };
  const refused = async (act: () => Promise<void>) => {
    const { status, code, message } = await assertRejects(act, ManagerRefusedError);
    assertEquals([status, code], [409, "drained"]);
    return message;
  };
  await test.operator.drainNode(node, { graceMs: 5000 });
  await test.operator.drainNode(node, { graceMs: 1000, by: "slurm" });
  assertEquals(await entry(), ["draining", "operator", "slurm"]);
  const { lent } = await test.node.heartbeat(node, { epoch: 1, leases: [] });
  assertEquals([lent.cores, lent.graceMs], [0, 1000]);
  assertEquals(
    await refused(() => test.operator.lendNode(node, { by: "slurm" })),
    "Cannot lend node a yet: operator still drains it",
  );
  assertEquals(await entry(), ["draining", "operator"]);
  await test.operator.lendNode(node);
  assertEquals(await entry(), ["up"]);
  await test.operator.drainNode(node, { graceMs: 0, by: "slurm" });
  await refused(() => test.operator.lendNode(node));
  await test.register("a"); // a start ends the drain of an operator only
  assertEquals(await entry(), ["draining", "slurm"]);
  await test.operator.lendNode(node, { by: "slurm" });
  assertEquals(await entry(), ["up"]);
});

Deno.test("`registerNode()` with `drainedBy` starts a node drained", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const { node } = await test.register("a", { drainedBy: "slurm" });
  const refused = await assertRejects(() => test.client.takeLease(small), LeaseRefusedError);
  assertEquals(refused.reason, "no-nodes");
  await test.operator.lendNode(node, { by: "slurm" });
  await test.client.takeLease(small);
});

Deno.test("`lendNode()` of fewer cores takes them from new leases, not from running ones", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const { node } = await test.register("a");
  const { lease } = await test.client.takeLease({ ...small, workers: 2 });
  await test.node.reportLease(node, lease, { ...claimed, workers: 2 });
  await test.operator.lendNode(node, { cores: 3, by: "slurm", graceMs: 700 });
  await test.operator.lendNode(node, { cores: 4 });
  const { nodes: [entry] } = await test.client.nodes();
  assertEquals([entry?.cores, entry?.maxCores, entry?.freeCores, entry?.state], [3, 4, 1, "up"]);
  const { lent } = await test.node.heartbeat(node, {
    epoch: 1,
    leases: [{ lease, workers: 2 }],
  });
  assertEquals([lent.cores, lent.graceMs], [3, 700]);
  await test.operator.lendNode(node, { cores: 2, graceMs: 600_000 }); // does not keep Slurm's job waiting
  const less = await test.node.heartbeat(node, { epoch: 1, leases: [{ lease, workers: 2 }] });
  assertEquals([less.lent.cores, less.lent.graceMs], [2, 700]);
  await test.operator.lendNode(node, { cores: 4 });
  const full = { ...small, workers: 2 };
  const refused = await assertRejects(() => test.client.takeLease(full), LeaseRefusedError);
  assertEquals(refused.reason, "full");
  const few = await assertRejects(
    () => test.operator.lendNode(node, { cores: 5 }),
    ManagerRefusedError,
    'Cannot lend 5 cores of node "a": it has 4',
  );
  assertEquals([few.status, few.code], [400, "bad-request"]);
  for (let i = 0; i < 6; i++) await test.operator.lendNode(node, { cores: 4, by: `p${i}` });
  await assertRejects(
    () => test.operator.lendNode(node, { cores: 4, by: "p8" }),
    ManagerRefusedError,
    "8 programs limit it",
  );
  await test.operator.lendNode(node, { by: "slurm" });
  await test.client.takeLease(full);
});

Deno.test("a lease may replace its part on a node that lends fewer cores than it serves", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const { node } = await test.register("a");
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(node, lease, claimed);
  const other = await test.client.takeLease({ ...small, workers: 3 });
  await test.node.reportLease(node, other.lease, { ...claimed, workers: 3 });
  await test.register("b");
  const move = () => test.client.takeLease({ ...small, replaces: lease });
  assertEquals((await assertRejects(move, LeaseRefusedError)).reason, "quota");
  await test.operator.lendNode(node, { cores: 3 });
  await move();
});

Deno.test("a node is settled once it has confirmed what it lends", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const { node } = await test.register("a");
  let lentRevision: number | undefined;
  const executors = { running: 1, waiting: 1, pooled: 0, cold: 0 };
  const beat = async (workers: number, running = 1) => {
    const leases = workers === 0 ? [] : [{ lease: "a".repeat(32), workers }];
    const body = { epoch: 1, leases, executors: { ...executors, running } };
    const confirms = lentRevision === undefined ? {} : { lentRevision };
    const { lent } = await test.node.heartbeat(node, { ...body, ...confirms });
    lentRevision = lent.revision;
    const { nodes: [entry] } = await test.client.nodePage({ name: "a" });
    return entry?.isSettled;
  };
  assertEquals([await beat(0), await beat(0), await beat(4)], [false, true, true]);
  await test.operator.drainNode(node, { graceMs: 0, by: "slurm" });
  assertEquals([await beat(0, 0), await beat(1), await beat(0)], [false, false, false]);
  assertEquals(await beat(0, 0), true);
  // What the node has confirmed before two more changes does not count.
  await test.operator.lendNode(node, { by: "slurm" });
  await test.operator.drainNode(node, { graceMs: 0, by: "slurm" });
  assertEquals([await beat(0, 0), await beat(0, 0)], [false, true]);
  await test.operator.lendNode(node, { cores: 2, by: "slurm" });
  assertEquals([await beat(3), await beat(3), await beat(2)], [false, false, true]);
});

Deno.test("`nodePage()` finds one node by its name", async () => {
  await using test = await TestManager.start();
  await test.register("a");
  await test.register("b");
  const names = async (name: string) =>
    (await test.operator.nodePage({ name })).nodes
      .map((node) => node.name);
  assertEquals([await names("b"), await names("c")], [["b"], []]);
  const error = await assertRejects(() => names("a b"), ManagerRefusedError);
  assertEquals(error.message, 'Cannot list nodes: name "a b" is not a name');
});

Deno.test("a request with a `revision` is refused once the node was drained or lent since", async () => {
  await using test = await TestManager.start();
  const { node } = await test.register("a");
  const revision = async () => (await test.node.nodes()).nodes[0]!.revision;
  const refused = async (act: () => Promise<void>) => {
    const { status, code } = await assertRejects(act, ManagerRefusedError);
    assertEquals([status, code], [409, "changed"]);
  };
  const first = await revision();
  await test.operator.drainNode(node, { graceMs: 0, by: "slurm", revision: first });
  await refused(() => test.operator.lendNode(node, { by: "slurm", revision: first }));
  const second = await revision();
  await test.operator.drainNode(node, { graceMs: 0, by: "slurm" }); // the same again counts too
  await refused(() => test.operator.lendNode(node, { by: "slurm", revision: second }));
  // One that arrives while another is written is late.
  const third = await revision();
  const draining = test.operator.drainNode(node, { graceMs: 0, by: "slurm" });
  const lending = test.operator.lendNode(node, { by: "slurm", revision: third });
  await Promise.allSettled([draining, lending]);
  assertEquals((await test.node.nodes()).nodes[0]!.state, "draining");
});
