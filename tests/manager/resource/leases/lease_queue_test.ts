/** Waiting for capacity: the order of service, and how a wait ends. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { MAX_PASSED, MAX_PASSED_MS } from "../../../../manager/resource/policy.ts";
import { RefusalError } from "../../../../manager/resource/refusal.ts";
import { LeaseRefusedError, ManagerUnreachableError } from "../../../../runtime/errors.ts";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { caller, QueueBooks } from "../../../support/manager/queue_books.ts";
import { within } from "../../../support/waiting.ts";
import { lastingMs, limitMs } from "../../../support/time_factor.ts";
import { TestManager } from "../../../support/manager/test_manager.ts";

/** Bounded, so that a test whose wait does not end fails with a reason. */
const longMs = lastingMs(60_000);

Deno.test("waiting requests are served in the order of their arrival, one for each freed core", async () => {
  await using books = await QueueBooks.open();
  await books.register("n", 1);
  let held = await books.hold(1);
  const waits = ["a", "b", "c"].map((name) => books.wait(name, 1));
  await books.settled();
  assertEquals(books.served, []);
  for (const [at, expected] of [["a"], ["a", "b"], ["a", "b", "c"]].entries()) {
    await books.leases.release(caller, held.lease);
    held = await waits[at]!;
    await books.settled();
    assertEquals(books.served, expected);
  }
});

Deno.test("a full queue has places for clients with fewer requests, and no other", async () => {
  await using books = await QueueBooks.open({ maxWaiting: 100 });
  await books.register("n", 1);
  await books.hold(1);
  const wait = (client: string) => books.wait(client, 1, longMs, undefined, client);
  const waits = Array.from({ length: 100 }, () => assertRejects(() => wait("a"), RefusalError));
  const full = await assertRejects(() => wait("a"), RefusalError);
  assertEquals([full.status, full.code], [409, "full"]);
  assertMatch(full.message, /100 requests are waiting, 100 of them of client a/);
  for (let own = 1; own <= 50; own++) {
    void wait("b").catch(() => {});
    // The last request of the client that has most leaves.
    const left = await waits[100 - own]!;
    assertEquals(left.code, "full");
    assertEquals(books.queue.length, 100);
  }
  const refused = await assertRejects(() => wait("b"), RefusalError);
  assertMatch(refused.message, /100 requests are waiting, 50 of them of client b/);
});

Deno.test("a waiting request is served when a node registers, is lent or back again, and when a lease lapses", async () => {
  await using books = await QueueBooks.open();
  const first = books.wait("registered", 2);
  await books.settled();
  const { node } = await books.register("n", 2);
  await first;

  await books.nodes.lent.drain(caller, node, { graceMs: 0 });
  await books.leases.release(caller, (await first).lease);
  const second = books.wait("lent", 2);
  await books.settled();
  await books.nodes.lent.lend(caller, node, {});
  await second;

  await books.leases.release(caller, (await second).lease);
  books.clock.nowMs += 10_000; // the node missed its heartbeats
  const third = books.wait("back", 2);
  await books.settled();
  assertEquals(books.served, ["registered", "lent"]);
  await books.nodes.heartbeat(node, { epoch: 1, leases: [] });
  await third;

  const fourth = books.wait("lapsed", 2); // the third lease is not claimed
  await books.settled();
  assertEquals(books.queue.length, 1);
  books.clock.nowMs += 2500;
  await books.leases.sweep();
  await fourth;
  assertEquals(books.served, ["registered", "lent", "back", "lapsed"]);
});

Deno.test("a claim for fewer workers frees the others for waiting requests", async () => {
  await using books = await QueueBooks.open();
  await books.register("n", 2);
  const granted = await books.take(2);
  const wait = books.wait("a", 1);
  await books.settled();
  assertEquals(books.served, []);
  await books.claim(granted, 1);
  await wait;
});

Deno.test("small requests pass a large one that does not fit, up to the limit", async () => {
  await using books = await QueueBooks.open();
  await books.register("n", 3);
  const held = await books.hold(2);
  const large = books.wait("large", 3);
  const small = books.wait("small", 1);
  await books.leases.release(caller, (await small).lease);
  assertEquals(books.served, ["small"]);
  // The one that waited counts, and so do those that did not.
  for (let i = 1; i < MAX_PASSED; i++) {
    await books.leases.release(caller, (await books.take(1)).lease);
  }
  const refused = await assertRejects(() => books.take(1), RefusalError);
  assertEquals(refused.code, "full");
  const later = books.wait("later", 1);
  await books.settled();
  assertEquals(books.served, ["small"]);
  await books.leases.release(caller, held.lease);
  await books.leases.release(caller, (await large).lease);
  await later;
  assertEquals(books.served, ["small", "large", "later"]);
});

Deno.test("a request that waited for long is not passed on one node, and other nodes serve others", async () => {
  await using books = await QueueBooks.open();
  const { node: n1 } = await books.register("n1", 4);
  await books.register("n2", 1);
  await books.hold(2); // on n1, the emptier node
  const large = books.wait("large", 4);
  await books.settled();
  books.clock.nowMs += MAX_PASSED_MS;
  for (const { node, epoch } of [await books.register("n2", 1)]) {
    await books.nodes.heartbeat(node, { epoch, leases: [] });
  }
  const { leases } = await books.leases.list(caller);
  const running = leases.map(({ lease, workers }) => ({ lease, workers }));
  await books.nodes.heartbeat(n1, { epoch: 1, leases: running });
  const { grants } = await books.take(1);
  assertEquals(grants.map(({ name }) => name), ["n2"]);
  await books.leases.release(caller, running[0]!.lease);
  assertEquals((await large).grants.map(({ node }) => node), [n1]);
});

Deno.test("a request for more than all nodes have blocks no other", async () => {
  await using books = await QueueBooks.open();
  const { node } = await books.register("n", 2);
  const absurd = assertRejects(() => books.wait("absurd", 1024), RefusalError, "closing");
  await books.settled();
  books.clock.nowMs += MAX_PASSED_MS;
  await books.nodes.heartbeat(node, { epoch: 1, leases: [] });
  await books.hold(2);
  await books.queue.close();
  await absurd;
});

Deno.test("the time to claim starts with the grant, not with the request", async () => {
  await using books = await QueueBooks.open();
  await books.register("n", 1);
  const held = await books.hold(1);
  const wait = books.wait("a", 1);
  await books.settled();
  books.clock.nowMs += 3000;
  await books.leases.release(caller, held.lease);
  const granted = await wait;
  assertEquals(granted.nowMs, books.clock.nowMs);
  assertEquals(granted.expiresMs, books.clock.nowMs + 3_600_000);
  const grant = JSON.parse(atob(granted.grants[0]!.grant.split(".")[0]!.replace(/-/g, "+")));
  assertEquals(grant.claimByMs, books.clock.nowMs + 2000);
});

Deno.test("a request whose wait is over is refused with the reason and the time, and leaves the queue", async () => {
  await using books = await QueueBooks.open();
  const none = await assertRejects(() => books.wait("a", 1, 20), RefusalError);
  assertEquals(none.code, "no-nodes");
  assertEquals(none.message, "Cannot grant lease: no node is up, after a wait of 20 ms");
  await books.register("n", 1);
  await books.hold(1);
  const full = await assertRejects(() => books.wait("a", 1, 30), RefusalError);
  assertEquals(full.code, "full");
  assertMatch(full.message, /no node has 1 free cores .*, after a wait of 30 ms$/);
  assertEquals(books.queue.length, 0);
});

Deno.test("the number of waiting requests is limited, and requests without a wait are not queued", async () => {
  await using books = await QueueBooks.open({ maxWaiting: 2 });
  await books.register("n", 1);
  await books.hold(1);
  const waits = ["a", "b"].map((name) =>
    assertRejects(() => books.wait(name, 1), RefusalError, "closing")
  );
  const refused = await assertRejects(
    () => books.wait("c", 1),
    RefusalError,
    "2 requests are waiting",
  );
  assertEquals(refused.code, "full");
  await assertRejects(() => books.take(1), RefusalError, "no node has");
  assertEquals(books.queue.length, 2);
  await books.queue.close();
  await Promise.all(waits);
});

Deno.test("an aborted request leaves the queue, and a lease granted to it at that moment is released", async () => {
  await using books = await QueueBooks.open();
  const { node } = await books.register("n", 1);
  const held = await books.hold(1);
  const goes = new AbortController();
  const gone = assertRejects(() => books.wait("gone", 1, longMs, goes.signal), Error, "left");
  await books.settled();
  goes.abort(new Error("left"));
  await gone;
  assertEquals(books.queue.length, 0);

  // During the attempt that would have served it.
  const late = new AbortController();
  const missed = assertRejects(() => books.wait("missed", 1, longMs, late.signal), Error, "late");
  await books.settled();
  const ending = books.leases.release(caller, held.lease);
  await Promise.resolve().then(() => late.abort(new Error("late")));
  await Promise.all([ending, missed]);
  await books.settled();
  const { nodes } = await books.nodes.list();
  assertEquals(nodes.find((each) => each.node === node)?.freeCores, 1);
});

Deno.test("each attempt checks the token and the quota again", async () => {
  await using books = await QueueBooks.open();
  await books.register("n", 2);
  const held = await books.hold(2);
  let isHeld = true;
  const assertActive = () => {
    if (!isHeld) throw new RefusalError(401, "unauthorized", "the token was revoked");
  };
  const request = { workers: 1, memoryBytes: 0, termMs: 60_000, waitMs: longMs };
  const ada = { ...caller, name: "ada", quota: { leases: 1 } };
  const revoked = assertRejects(
    () => books.leases.take({ ...caller, name: "eve" }, request, { assertActive }),
    RefusalError,
    "revoked",
  );
  const first = books.leases.take(ada, request);
  const second = assertRejects(() => books.leases.take(ada, request), RefusalError, "quota is 1");
  await books.settled();
  isHeld = false;
  await books.leases.release(caller, held.lease);
  await Promise.all([revoked, first, second]);
});

Deno.test("over HTTP a client that disconnects leaves the queue, and one that waits is served", async () => {
  await using test = await TestManager.start();
  const { node, epoch } = await test.register("n1", { cores: 1 });
  const request = { workers: 1, memoryBytes: 0, termMs: 60_000 };
  const held = await test.client.takeLease(request);
  await test.node.reportLease(node, held.lease, { epoch, state: "claimed", workers: 1 });
  const { hostname, port } = new URL(test.url);
  using first = await Deno.connect({ hostname, port: Number(port) });
  const body = JSON.stringify({ ...request, waitMs: longMs });
  await first.write(
    new TextEncoder().encode(
      `POST /v1/leases HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${test.token("client")}\r\n` +
        `content-length: ${body.length}\r\n\r\n${body}`,
    ),
  );
  // Both are in the queue once the third request, with a short wait, was refused.
  await assertRejects(
    () => test.client.takeLease({ ...request, waitMs: 50 }),
    LeaseRefusedError,
    "50 ms",
  );
  using patient = new ManagerClient({ url: test.url, token: test.token("client"), timeoutMs: 300 });
  const second = patient.takeLease({ ...request, waitMs: longMs });
  await assertRejects(() => test.client.takeLease({ ...request, waitMs: 400 }), LeaseRefusedError);
  await first.closeWrite();
  assertEquals(
    await first.read(new Uint8Array(1)),
    null,
    "the server did not notice the closed connection",
  );
  await test.client.releaseLease(held.lease);
  // It waited for longer than the timeout of other requests.
  const granted = await within(2000, "the waiting request", second);
  assertEquals((await test.operator.leases()).leases.map(({ lease }) => lease), [granted.lease]);
});

Deno.test("`close()` refuses waiting requests at once, and a revoked token is refused at its next attempt", async () => {
  const test = await TestManager.start();
  try {
    const { token } = await test.operator.createToken({ role: "client", name: "eve" });
    using eve = new ManagerClient({ url: test.url, token });
    const request = { workers: 1, memoryBytes: 0, termMs: 60_000, waitMs: longMs };
    const revoked = assertRejects(() => eve.takeLease(request), Error, "no known token");
    await assertRejects(
      () => eve.takeLease({ ...request, waitMs: 30 }),
      LeaseRefusedError,
      "no node",
    );
    await test.operator.revokeToken("eve");
    await revoked;
    const startMs = performance.now();
    const waits = [0, 1, 2].map(() =>
      assertRejects(() => test.client.takeLease(request), ManagerUnreachableError, "503")
    );
    await assertRejects(() => test.client.takeLease({ ...request, waitMs: 30 }), LeaseRefusedError);
    await test.manager.close();
    await Promise.all(waits);
    assert(performance.now() - startMs < limitMs(20_000));
  } finally {
    await test[Symbol.asyncDispose]();
  }
});
