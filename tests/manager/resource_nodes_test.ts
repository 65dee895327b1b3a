import { assertEquals, assertRejects } from "@std/assert";
import { LeaseOver, LeaseRefused } from "../../runtime/errors.ts";
import { ManagerRefused } from "../../runtime/http/manager_refused.ts";
import { FakeClock, TestManager } from "./resource_support.ts";

const small = { workers: 1, memoryBytes: 2 ** 20, seconds: 60 };
const claimed = { epoch: 1, state: "claimed", workers: 1 } as const;

async function assertRegisterAgain(act: () => Promise<unknown>): Promise<void> {
  const error = await assertRejects(act, ManagerRefused);
  assertEquals([error.status, error.code], [409, "register-again"]);
}

Deno.test("`registerNode()` of a known name bumps the epoch and frees the node", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const first = await test.register("a");
  assertEquals([first.epoch, first.heartbeatMs], [1, 1000]);
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(first.node, lease, claimed);
  const second = await test.register("a", { cores: 8 });
  assertEquals([second.node, second.epoch, second.keys], [first.node, 2, first.keys]);
  assertEquals(await test.freeCores(), { a: 8 });
  await assertRejects(() => test.client.renewLease(lease, { seconds: 9 }), LeaseOver, "restarted");
  await assertRegisterAgain(() => test.node.heartbeat(first.node, { epoch: 1, leases: [] }));
  await assertRegisterAgain(() => test.node.reportLease(first.node, lease, claimed));
  const beat = { epoch: 2, leases: [{ lease, workers: 1 }] };
  assertEquals((await test.node.heartbeat(first.node, beat)).end, [lease]);
});

Deno.test("`heartbeat()` sends nodes that are not known to register again", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  await assertRegisterAgain(() => test.node.heartbeat("f".repeat(32), { epoch: 1, leases: [] }));
  await assertRegisterAgain(() => test.node.heartbeat("../x\n", { epoch: 1, leases: [] }));
});

Deno.test("`heartbeat()` missed three times loses the node until it beats again", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node } = await test.register("a");
  const state = async () => (await test.client.nodes()).nodes[0]!.state;
  clock.nowMs += 3000;
  assertEquals(await state(), "up");
  clock.nowMs += 1;
  assertEquals(await state(), "lost");
  const refused = await assertRejects(() => test.client.takeLease(small), LeaseRefused);
  assertEquals(refused.reason, "no-nodes");
  const answer = await test.node.heartbeat(node, { epoch: 1, leases: [] });
  assertEquals(answer.nowMs, clock.nowMs);
  assertEquals(await state(), "up");
  await test.client.takeLease(small);
});

Deno.test("`heartbeat()` ends claims that it no longer lists, after a grace", async () => {
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

Deno.test("`heartbeat()` that lists a candidate claims it", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const a = await test.register("a");
  await test.register("b");
  const { lease } = await test.client.takeLease({ ...small, workers: 2 });
  const beat = { epoch: 1, leases: [{ lease, workers: 2 }, { lease: "0".repeat(32), workers: 1 }] };
  assertEquals((await test.node.heartbeat(a.node, beat)).end, ["0".repeat(32)]);
  assertEquals(await test.freeCores(), { a: 2, b: 4 });
  clock.nowMs += 5000;
  assertEquals(await test.freeCores(), { a: 2, b: 4 });
});

Deno.test("`removeNode()` ends what the node had and may be repeated", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const { node } = await test.register("a");
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(node, lease, claimed);
  await test.operator.removeNode(node);
  await test.node.removeNode(node);
  assertEquals((await test.client.nodes()).nodes, []);
  await assertRejects(() => test.client.renewLease(lease, { seconds: 9 }), LeaseOver, "removed");
  await assertRegisterAgain(() => test.node.heartbeat(node, { epoch: 1, leases: [] }));
  const again = await test.register("a");
  assertEquals([again.epoch, again.node === node], [1, false]);
});

Deno.test("`registerNode()` refuses names and addresses that are not plain", async () => {
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
  for (const told of bad) {
    const error = await assertRejects(() => test.register("a", told), ManagerRefused);
    assertEquals([error.status, error.code], [400, "bad-request"]);
  }
});

Deno.test("`drainNode()` keeps leases away and is told with heartbeats until `lendNode()` or a new start", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node } = await test.register("a");
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(node, lease, claimed);
  const beat = async (epoch = 1) => {
    const leases = [{ lease, workers: 1 }];
    return (await test.node.heartbeat(node, { epoch, leases })).drainMs;
  };
  const state = async () => (await test.client.nodes()).nodes[0]!.state;
  assertEquals([await beat(), await state()], [null, "up"]);
  await test.operator.drainNode(node, { noticeMs: 5000 });
  await test.node.drainNode(node, { noticeMs: 5000 });
  assertEquals([await beat(), await state()], [5000, "draining"]);
  const refused = await assertRejects(() => test.client.takeLease(small), LeaseRefused);
  assertEquals(refused.reason, "no-nodes");
  await test.client.renewLease(lease, { seconds: 9 }); // what runs there goes on until its node ends it
  await test.operator.lendNode(node);
  assertEquals([await beat(), await state()], [null, "up"]);
  await test.client.takeLease(small);
  await test.operator.drainNode(node, { noticeMs: 0 });
  await test.register("a");
  assertEquals(await state(), "up");
  for (
    const act of [
      () => test.operator.drainNode("f".repeat(32), { noticeMs: 1 }),
      () => test.operator.lendNode("f".repeat(32)),
    ]
  ) assertEquals((await assertRejects(act, ManagerRefused)).code, "not-found");
});
