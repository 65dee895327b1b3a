/** Nodes that wait for notifications: what notifies them, and how each wait ends. */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { NodeNotifications } from "../../../manager/resource/node_notifications.ts";
import { RefusalError } from "../../../manager/resource/refusal.ts";
import { ManagerUnreachableError } from "../../../runtime/errors.ts";
import { ManagerRefusedError } from "../../../runtime/http/manager_refused.ts";
import { within } from "../../support/waiting.ts";
import { TestManager } from "../../support/manager/test_manager.ts";

const small = { workers: 1, memoryBytes: 2 ** 20, termMs: 60_000 };
const claimed = { epoch: 1, state: "claimed", workers: 1 } as const;

/** Returns a function that waits for the next revision of a node, as the node does. */
async function poller(test: TestManager, node: string) {
  let { revision } = await test.node.awaitNotifications(node, { epoch: 1 });
  return async (signal?: AbortSignal) => {
    const answer = await test.node.awaitNotifications(node, { epoch: 1, since: revision }, signal);
    assertNotEquals(answer.revision, revision);
    revision = answer.revision;
  };
}

for (const listen of ["http://127.0.0.1:0", "unix:"]) {
  Deno.test(`a node is notified when it is drained or lent, and when a lease on it is ended, over ${listen}`, async () => {
    const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
    const address = listen === "unix:" ? `unix:${dir}/socket` : listen;
    await using test = await TestManager.start({ listen: [address] }, dir);
    const { node } = await test.register("a");
    const nextRevision = await poller(test, node);
    const notifies = (what: string, act: () => Promise<unknown>) =>
      within(5000, what, Promise.all([nextRevision(), act()]));
    await notifies("drained", () => test.operator.drainNode(node, { graceMs: 1 }));
    await notifies("lent", () => test.operator.lendNode(node));
    const { lease } = await test.client.takeLease(small);
    await test.node.reportLease(node, lease, claimed);
    await notifies("a released lease", () => test.client.releaseLease(lease));
    const { lease: part } = await test.client.takeLease(small);
    await test.node.reportLease(node, part, claimed);
    await notifies("a released part", () => test.client.releasePart(part, node));
    const { lease: other } = await test.client.takeLease(small);
    await test.node.reportLease(node, other, claimed);
    await notifies("a revoked token", () => test.operator.revokeToken("client"));
    // A notification without a waiting request is not lost.
    await test.operator.drainNode(node, { graceMs: 1 });
    await within(5000, "an earlier notification", nextRevision());
  });
}

Deno.test("a node is not notified of candidates, nor of ends that it reported itself", async () => {
  await using test = await TestManager.start();
  const { node } = await test.register("a");
  const { revision } = await test.node.awaitNotifications(node, { epoch: 1 });
  await test.client.releaseLease((await test.client.takeLease(small)).lease);
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(node, lease, claimed);
  await test.node.reportLease(node, lease, { ...claimed, state: "ended" });
  await test.client.releaseLease(lease);
  assertEquals(await test.node.awaitNotifications(node, { epoch: 1 }), { revision });
});

Deno.test("only the newest epoch of a known node waits for notifications", async () => {
  await using test = await TestManager.start();
  const { node } = await test.register("a");
  await test.register("a");
  for (const [id, epoch] of [[node, 1], ["f".repeat(32), 1]] as const) {
    const refused = await assertRejects(
      () => test.node.awaitNotifications(id, { epoch }),
      ManagerRefusedError,
    );
    assertEquals(refused.code, "register-again");
  }
  const { revision: since } = await test.node.awaitNotifications(node, { epoch: 2 });
  const waiting = test.node.awaitNotifications(node, { epoch: 2, since });
  await test.operator.removeNode(node);
  // It was notified, or its request arrived after the removal.
  await within(
    5000,
    "the end of the node",
    waiting.catch((error) => assertEquals(error.code, "register-again")),
  );
});

Deno.test("of two requests for one node the later one waits, and `close()` waits for neither", async () => {
  await using test = await TestManager.start();
  const { node } = await test.register("a");
  const { revision: since } = await test.node.awaitNotifications(node, { epoch: 1 });
  const poll = () =>
    test.node.awaitNotifications(node, { epoch: 1, since }).catch((error: Error) => error);
  const both = [poll(), poll()];
  const refused = await within(5000, "the first", Promise.race(both));
  assert(refused instanceof ManagerRefusedError && refused.code === "replaced", `${refused}`);
  await within(2000, "closing", test.manager.close());
  const ends = await Promise.all(both);
  assertEquals(ends.filter((end) => end instanceof ManagerUnreachableError).length, 1);
});

Deno.test("`NodeNotifications.wait()` refuses more than the limit, until a node leaves or is notified", async () => {
  const notifications = new NodeNotifications(0, 1);
  const leaving = new AbortController();
  const { signal } = new AbortController();
  const gone = assertRejects(() => notifications.wait("a", 0, 60_000, leaving.signal), "gone");
  await assertRejects(
    () => notifications.wait("b", 0, 60_000, signal),
    RefusalError,
    "1 nodes are waiting",
  );
  leaving.abort(new Error("gone"));
  await gone;
  const answered = notifications.wait("b", 0, 60_000, signal);
  notifications.notify("b");
  assertEquals(await answered, 1);
  const last = assertRejects(
    () => notifications.wait("c", 0, 60_000, signal),
    RefusalError,
    "closing",
  );
  notifications.close();
  await last;
  await assertRejects(() => notifications.wait("c", 0, 60_000, signal), RefusalError, "closing");
});

Deno.test("`NodeNotifications.wait()` resolves to the known revision when its time is over", async () => {
  const notifications = new NodeNotifications(1000, 1);
  const { signal } = new AbortController();
  assertEquals(await notifications.wait("a", undefined, 60_000, signal), 1000);
  assertEquals(await within(5000, "the end", notifications.wait("a", 1000, 1, signal)), 1000);
  notifications.notify("a");
  assertEquals(await notifications.wait("a", 1000, 60_000, signal), 1001);
  assertEquals(
    await notifications.wait("a", 7, 60_000, signal),
    1001,
    "a revision of an earlier process",
  );
});
