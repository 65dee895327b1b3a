/** Nodes that wait for orders: who is answered when, and that nobody waits for ever. */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { NodeOrders } from "../../manager/resource/node_orders.ts";
import { Refusal } from "../../manager/resource/refusal.ts";
import { ManagerUnreachable } from "../../runtime/errors.ts";
import { ManagerRefused } from "../../runtime/http/manager_refused.ts";
import { within } from "../support/process_table.ts";
import { TestManager } from "./resource_support.ts";

const small = { workers: 1, memoryBytes: 2 ** 20, seconds: 60 };
const claimed = { epoch: 1, state: "claimed", workers: 1 } as const;

/** Asks for the next news of a node, as a node does. */
async function listener(test: TestManager, node: string) {
  let { revision } = await test.node.awaitOrders(node, { epoch: 1 });
  return async (signal?: AbortSignal) => {
    const answer = await test.node.awaitOrders(node, { epoch: 1, since: revision }, signal);
    assertNotEquals(answer.revision, revision);
    revision = answer.revision;
  };
}

for (const listen of ["http://127.0.0.1:0", "unix:"]) {
  Deno.test(`a node is answered when it is drained, lent, or a lease on it is ended, over ${listen}`, async () => {
    const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
    const address = listen === "unix:" ? `unix:${dir}/socket` : listen;
    await using test = await TestManager.start({ listen: [address] }, dir);
    const { node } = await test.register("a");
    const news = await listener(test, node);
    const hears = (what: string, order: () => Promise<unknown>) =>
      within(5000, what, Promise.all([news(), order()]));
    await hears("drained", () => test.operator.drainNode(node, { noticeMs: 1 }));
    await hears("lent", () => test.operator.lendNode(node));
    const { lease } = await test.client.takeLease(small);
    await test.node.reportLease(node, lease, claimed);
    await hears("a lease that is given back", () => test.client.endLease(lease));
    const { lease: part } = await test.client.takeLease(small);
    await test.node.reportLease(node, part, claimed);
    await hears("a part that is given back", () => test.client.endLeaseOn(part, node));
    const { lease: other } = await test.client.takeLease(small);
    await test.node.reportLease(node, other, claimed);
    await hears("a token that is revoked", () => test.operator.revokeToken("client"));
    // Orders that come while nobody waits are not lost.
    await test.operator.drainNode(node, { noticeMs: 1 });
    await within(5000, "an order that came before", news());
  });
}

Deno.test("what a node need not end is no news: candidates, and ends that it told of itself", async () => {
  await using test = await TestManager.start();
  const { node } = await test.register("a");
  const { revision } = await test.node.awaitOrders(node, { epoch: 1 });
  await test.client.endLease((await test.client.takeLease(small)).lease);
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(node, lease, claimed);
  await test.node.reportLease(node, lease, { ...claimed, state: "ended" });
  await test.client.endLease(lease);
  assertEquals(await test.node.awaitOrders(node, { epoch: 1 }), { revision });
});

Deno.test("orders are for the newest start of a node that is known", async () => {
  await using test = await TestManager.start();
  const { node } = await test.register("a");
  await test.register("a");
  for (const [id, epoch] of [[node, 1], ["f".repeat(32), 1]] as const) {
    const refused = await assertRejects(() => test.node.awaitOrders(id, { epoch }), ManagerRefused);
    assertEquals(refused.code, "register-again");
  }
  const { revision: since } = await test.node.awaitOrders(node, { epoch: 2 });
  const waiting = test.node.awaitOrders(node, { epoch: 2, since });
  await test.operator.removeNode(node);
  // It was told, or came too late to be known.
  await within(
    5000,
    "the end of the node",
    waiting.catch((error) => assertEquals(error.code, "register-again")),
  );
});

Deno.test("of two requests for one node one goes on, and closing waits for neither", async () => {
  await using test = await TestManager.start();
  const { node } = await test.register("a");
  const { revision: since } = await test.node.awaitOrders(node, { epoch: 1 });
  const asked = () =>
    test.node.awaitOrders(node, { epoch: 1, since }).catch((error: Error) => error);
  const both = [asked(), asked()];
  const refused = await within(5000, "the first", Promise.race(both));
  assert(refused instanceof ManagerRefused && refused.code === "replaced", `${refused}`);
  await within(2000, "closing", test.manager.close());
  const ends = await Promise.all(both);
  assertEquals(ends.filter((end) => end instanceof ManagerUnreachable).length, 1);
});

Deno.test("NodeOrders.wait() lets in so many, and again when one has gone or was answered", async () => {
  const orders = new NodeOrders(0, 1);
  const leaving = new AbortController();
  const { signal } = new AbortController();
  const gone = assertRejects(() => orders.wait("a", 0, 60_000, leaving.signal), "gone");
  await assertRejects(() => orders.wait("b", 0, 60_000, signal), Refusal, "1 nodes wait already");
  leaving.abort(new Error("gone"));
  await gone;
  const answered = orders.wait("b", 0, 60_000, signal);
  orders.tell("b");
  assertEquals(await answered, 1);
  const last = assertRejects(() => orders.wait("c", 0, 60_000, signal), Refusal, "closing");
  orders.close();
  await last;
  await assertRejects(() => orders.wait("c", 0, 60_000, signal), Refusal, "closing");
});

Deno.test("NodeOrders.wait() ends when its time is over, with the revision that was known", async () => {
  const orders = new NodeOrders(1000, 1);
  const { signal } = new AbortController();
  assertEquals(await orders.wait("a", undefined, 60_000, signal), 1000);
  assertEquals(await within(5000, "the end", orders.wait("a", 1000, 1, signal)), 1000);
  orders.tell("a");
  assertEquals(await orders.wait("a", 1000, 60_000, signal), 1001);
  assertEquals(await orders.wait("a", 7, 60_000, signal), 1001, "of an earlier process");
});
