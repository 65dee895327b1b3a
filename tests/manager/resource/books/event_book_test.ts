/** The events that the resource manager keeps, over HTTP. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { EventBook } from "../../../../manager/resource/books/event_book.ts";
import {
  KEPT_CLUSTER_EVENTS,
  LOST_AFTER_MS,
  MAX_FOLLOWERS_EACH,
} from "../../../../manager/resource/policy.ts";
import { MemoryStore } from "../../../../manager/resource/store/memory_store.ts";
import type { ClusterEvent } from "../../../../runtime/http/event_api.ts";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { ManagerRefusedError } from "../../../../runtime/http/manager_refused.ts";
import { eventRow } from "../../../support/manager/store_rows.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";
import { until } from "../../../support/waiting.ts";

const small = { workers: 2, memoryBytes: 2 ** 20, termMs: 60_000 };

/** What happened, to what, by whom and why. */
function described(
  { event, role, by = "", code = "", nodeName = "", workers, token = "" }: ClusterEvent,
) {
  return [event, nodeName || token, `${role} ${by}`.trim(), workers ?? 0, code];
}

async function eventsOf(manager: ManagerClient, after?: string) {
  return (await manager.events(after === undefined ? {} : { after })).events;
}

Deno.test("each event has its actor, its reason and its number, and is kept by a restart", async () => {
  const test = await TestManager.start();
  const start = await test.operator.events();
  assertEquals(start.events.map(described).sort(), [
    ["key-created", "", "resource-manager", 0, ""],
    ["manager-started", "", "resource-manager", 0, ""],
    ["token-created", "client", "resource-manager", 0, ""],
    ["token-created", "node", "resource-manager", 0, ""],
    ["token-created", "operator", "resource-manager", 0, ""],
  ]);
  const { node, epoch } = await test.register("a");
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(node, lease, { epoch, state: "claimed", workers: 2 });
  await test.node.reportLease(node, lease, { epoch, state: "claimed", workers: 2 });
  const reason = "limit: memory: it used \x1b[31m too much".replace("\x1b", "?");
  await test.node.reportLease(node, lease, { epoch, state: "ended", workers: 2, reason });
  const { lease: second } = await test.client.takeLease(small);
  await test.operator.releaseLease(second);
  await test.operator.drainNode(node, { graceMs: 5 });
  await test.operator.drainNode(node, { graceMs: 5 });
  await test.node.lendNode(node);
  await test.operator.createToken({ role: "client", name: "ada" });
  using ada = new ManagerClient({
    url: test.url,
    token: (await test.operator.createToken({ role: "client", name: "bob" })).token,
  });
  await ada.takeLease(small);
  await test.operator.revokeToken("bob");
  const { epoch: newEpoch } = await test.register("a");
  assertEquals(newEpoch, 2);
  await test.node.removeNode(node);
  await test.node.removeNode(node);
  const events = await eventsOf(test.operator, start.last);
  assertEquals(events.map(described), [
    ["node-registered", "a", "node a", 0, ""],
    ["lease-granted", "", "client client", 2, ""],
    ["lease-claimed", "a", "node a", 2, ""],
    ["lease-ended", "a", "node a", 2, "limit"],
    ["lease-granted", "", "client client", 2, ""],
    ["lease-ended", "", "operator operator", 0, "released"],
    ["node-drains", "a", "operator operator", 0, ""],
    ["node-lends", "a", "node a", 0, ""],
    ["token-created", "ada", "operator operator", 0, ""],
    ["token-created", "bob", "operator operator", 0, ""],
    ["lease-granted", "", "client bob", 2, ""],
    ["token-revoked", "bob", "operator operator", 0, ""],
    ["lease-ended", "", "operator operator", 0, "token-revoked"],
    ["node-restarted", "a", "node a", 0, ""],
    ["node-removed", "a", "node a", 0, ""],
  ]);
  assertEquals(events[3]!.message, "memory: it used ?[31m too much");
  const all = await eventsOf(test.operator);
  assertEquals(all.map(({ seq }) => seq), all.map((_, at) => at + 1));
  await test.stop();
  await using again = await TestManager.start({}, test.dir);
  assertEquals((await eventsOf(again.operator)).slice(0, all.length), all);
  const rest = await eventsOf(again.operator, `${all.length}`);
  assertEquals(rest.map(({ event }) => event), ["manager-started"]);
});

Deno.test("a client sees what happened to its own leases, and nothing else", async () => {
  await using test = await TestManager.start();
  const { node, epoch } = await test.register("a");
  const { token } = await test.operator.createToken({ role: "client", name: "ada" });
  using ada = new ManagerClient({ url: test.url, token });
  const { lease: others } = await test.client.takeLease({ ...small, workers: 1 });
  assertEquals(await eventsOf(ada), []);
  const { lease } = await ada.takeLease({ ...small, workers: 1 });
  for (const each of [lease, others]) {
    await test.node.reportLease(node, each, { epoch, state: "claimed", workers: 1 });
  }
  await test.operator.releaseLease(lease);
  const kinds = async (query: Parameters<ManagerClient["events"]>[0]) =>
    (await ada.events(query)).events.map(({ event }) => event);
  const own = ["lease-granted", "lease-claimed", "lease-ended"];
  assertEquals(await kinds({}), own);
  assertEquals(await kinds({ client: "ada", lease }), own);
  assertEquals(await kinds({ node: "a" }), own.slice(1));
  assertEquals(await kinds({ node }), own.slice(1));
  assertEquals(await kinds({ client: "client" }), []);
  assertEquals(await kinds({ lease: others }), []);
  assertEquals((await eventsOf(test.client)).map(({ client }) => client), ["client", "client"]);
  const all = await eventsOf(test.operator);
  assertEquals(all.filter(({ client }) => client === "ada").length, 3);
});

Deno.test("events are read in pages, the newest ones too, and a wrong position is refused", async () => {
  await using test = await TestManager.start();
  for (const name of ["a", "b", "c"]) await test.register(name);
  const all = await eventsOf(test.operator);
  const seqs = [];
  let pages = 0;
  for (let after: string | undefined = "0"; after !== undefined; pages++) {
    const page: Awaited<ReturnType<ManagerClient["events"]>> = await test.operator.events({
      after,
      limit: 3,
    });
    assert(page.events.length <= 3);
    seqs.push(...page.events.map(({ seq }) => seq));
    after = page.next;
  }
  assertEquals([seqs, pages], [all.map(({ seq }) => seq), Math.ceil(all.length / 3)]);
  const { events, next } = await test.operator.events({ newest: 2 });
  assertEquals([events, next], [all.slice(-2), undefined]);
  const sinceMs = all.at(-1)!.atMs;
  const since = (await test.operator.events({ sinceMs })).events;
  assertEquals(since, all.filter(({ atMs }) => atMs >= sinceMs));
  for (const query of [{ after: "999" }, { newest: 1, limit: 1 }, { waitMs: 20_001 }]) {
    const refused = await assertRejects(() => test.operator.events(query), ManagerRefusedError);
    assertEquals([refused.status, refused.code], [400, "bad-request"], refused.message);
  }
});

Deno.test("a request waits for an event that its caller may see, and no longer than it states", async () => {
  await using test = await TestManager.start();
  await test.register("a");
  const { last } = await test.client.events();
  const waiting = test.client.events({ after: last, waitMs: 20_000 });
  await test.register("b"); // which the client may not see
  const short = await test.client.events({ after: last, waitMs: 1 });
  assertEquals([short.events, Number(short.last) > Number(last)], [[], true]);
  const { lease } = await test.client.takeLease(small);
  const { events } = await waiting;
  assertEquals(events.map((event) => [event.event, event.lease]), [["lease-granted", lease]]);
});

Deno.test("a request that waits counts the events that were dropped before it waited", async () => {
  const store = new MemoryStore();
  const book = new EventBook({ store, clock: () => 1 }, 1);
  const put = (count: number, lease?: string) =>
    store.transact((tx) => {
      for (let n = 0; n < count; n++) tx.putEvent(eventRow(tx.lastEvent() + 1, lease));
    });
  await put(KEPT_CLUSTER_EVENTS + 5);
  const client = { hash: "c", role: "client", name: eventRow(1, "a").client! } as const;
  const waits = Promise.withResolvers<void>();
  const signal = () => {
    waits.resolve(); // called once it has read that there is no event
    return new AbortController().signal;
  };
  const list = book.list(client, { after: 1, limit: 10, waitMs: 20_000 }, signal);
  await waits.promise;
  await put(1, "a");
  const { events, missed } = await list;
  assertEquals([events.length, missed], [1, 4]);
  book.close();
});

Deno.test("a request that waits for events ends with its token, its client and the resource manager", async () => {
  await using test = await TestManager.start();
  const { token } = await test.operator.createToken({ role: "operator", name: "eve" });
  using eve = new ManagerClient({ url: test.url, token, timeoutMs: 30_000 });
  const query = async () => ({ after: (await test.operator.events()).last, waitMs: 20_000 });
  const revoked = assertRejects(
    async () => await eve.events(await query()),
    Error,
    "no known token",
  );
  const gone = new AbortController();
  const left = assertRejects(async () => await test.operator.events(await query(), gone.signal));
  gone.abort();
  await left;
  await test.operator.revokeToken("eve");
  await revoked;
  const after = (await query()).after;
  const waits = Array.from(
    { length: MAX_FOLLOWERS_EACH },
    () => test.operator.events({ after, waitMs: 20_000 }).catch((error: Error) => error.message),
  );
  const headers = { authorization: `Bearer ${test.token("operator")}` };
  await until(async () => {
    const response = await fetch(`${test.url}/v1/events?after=${after}&wait=1`, { headers });
    await response.body?.cancel();
    return response.status === 429;
  }, () => "as many requests wait as may");
  await test.stop();
  const ends = await Promise.all(waits);
  assert(ends.every((each) => typeof each === "string"));
});

Deno.test("an eighth of all requests in flight may wait for events", async () => {
  const test = await TestManager.start({ maxRequestsAtOnce: 24 });
  const { last } = await test.operator.events();
  const headers = { authorization: `Bearer ${test.token("operator")}` };
  const waits = Array.from({ length: 4 }, async () => {
    const response = await fetch(`${test.url}/v1/events?after=${last}&wait=20000`, { headers });
    await response.body?.cancel();
    return response.status;
  });
  assertEquals(await Promise.race(waits), 429);
  await test.stop();
  assertEquals((await Promise.all(waits)).sort(), [429, 503, 503, 503]);
});

Deno.test("a lost node is an event once, also across a restart, and so is its return", async () => {
  const clock = new FakeClock();
  const test = await TestManager.start({ clock: clock.read });
  const { node, epoch } = await test.register("a");
  const kinds = async (manager: ManagerClient) =>
    (await eventsOf(manager)).filter(({ nodeName }) => nodeName === "a").map(({ event }) => event);
  clock.nowMs += LOST_AFTER_MS + 1;
  await until(async () => (await kinds(test.operator)).length > 1, () => "the node is lost");
  await test.stop();
  await using again = await TestManager.start({ clock: clock.read }, test.dir);
  clock.nowMs += LOST_AFTER_MS + 1;
  await until(
    async () => (await again.operator.nodes()).nodes[0]!.state === "lost",
    () => "the node is lost again",
  );
  await again.node.heartbeat(node, { epoch, leases: [] });
  await again.node.heartbeat(node, { epoch, leases: [] });
  assertEquals(await kinds(again.operator), ["node-registered", "node-lost", "node-back"]);
  const { message } = (await eventsOf(again.operator)).at(-1)!;
  assertEquals(message, `lost for ${LOST_AFTER_MS + 1} ms`);
});

Deno.test("a node lends once nothing drains it any more", async () => {
  await using test = await TestManager.start();
  const { node } = await test.register("a");
  await test.operator.drainNode(node, { graceMs: 1 });
  await test.operator.drainNode(node, { graceMs: 2, by: "slurm" });
  await assertRejects(
    () => test.operator.lendNode(node),
    ManagerRefusedError,
    "slurm still drains",
  );
  await test.operator.lendNode(node, { by: "slurm" });
  await test.operator.lendNode(node, { cores: 3 });
  const events = (await eventsOf(test.operator)).filter(({ nodeName }) => nodeName === "a");
  assertEquals(events.slice(1).map(({ event, message }) => [event, message]), [
    ["node-drains", "grace period 1 ms"],
    ["node-drains", "grace period 2 ms, for slurm"],
    ["node-lends", "for slurm"],
    ["node-lends", "3 of 4 cores"],
  ]);
});

Deno.test("an executor that ended is one event, also if heartbeats repeat it after a restart", async () => {
  const test = await TestManager.start();
  const { node, epoch } = await test.register("a");
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(node, lease, { epoch, state: "claimed", workers: 2 });
  const end = { lease, worker: 1, generation: 1, reason: "crashed: ended by SIGSEGV" };
  const leases = [{ lease, workers: 2 }];
  const stranger = { ...end, lease: "f".repeat(32) };
  const report = (manager: TestManager, more: object = {}) =>
    manager.node.heartbeat(node, { epoch, leases, executorEnds: [{ ...end, ...more }, stranger] });
  await report(test);
  await report(test);
  await test.stop();
  await using again = await TestManager.start({}, test.dir);
  await report(again);
  await report(again, { generation: 2, reason: "deadline: call 3" });
  await report(again); // older than the last one
  await report(again, { worker: 0 });
  const events = (await eventsOf(again.client)).filter(({ event }) => event === "executor-ended");
  assertEquals(
    events.map(({ worker, generation, code, message, by }) => [
      worker,
      generation,
      code,
      message,
      by,
    ]),
    [
      [1, 1, "crashed", "ended by SIGSEGV", "a"],
      [1, 2, "deadline", "call 3", "a"],
      [0, 1, "crashed", "ended by SIGSEGV", "a"],
    ],
  );
  const many = Array.from({ length: 17 }, () => end);
  const refused = await assertRejects(
    () => again.node.heartbeat(node, { epoch, leases, executorEnds: many }),
    ManagerRefusedError,
  );
  assertEquals(refused.code, "bad-request");
});
