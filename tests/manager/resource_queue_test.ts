/** Waiting for room: who is served when, and how a wait ends. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { KeyRing } from "../../manager/resource/key_ring.ts";
import { LeaseBook } from "../../manager/resource/lease_book.ts";
import { LeaseQueue } from "../../manager/resource/lease_queue.ts";
import { MemoryStore } from "../../manager/resource/memory_store.ts";
import { NodeBook } from "../../manager/resource/node_book.ts";
import { maxPassed, maxPassedMs } from "../../manager/resource/policy.ts";
import { Refusal } from "../../manager/resource/refusal.ts";
import { getLogger } from "../../manager/log.ts";
import { LeaseRefused, ManagerUnreachable } from "../../runtime/errors.ts";
import type { LeaseTaken } from "../../runtime/http/manager_api.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { within } from "../support/process_table.ts";
import { limitMs } from "../support/time_factor.ts";
import { FakeClock, TestManager } from "./resource_support.ts";

const caller = { hash: "", role: "client", name: "client" } as const;
/** Ends by itself, so that a test that waits in vain says so. */
const longMs = limitMs(60_000);

/** The books over rows in memory and a clock that is told. Those who still wait at the end are sent away. */
class Books implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly queue: LeaseQueue;
  readonly nodes: NodeBook;
  readonly leases: LeaseBook;
  /** The names of those who were served, in their order. */
  readonly served: string[] = [];
  readonly #waits: Promise<unknown>[] = [];

  private constructor(store: MemoryStore, keys: (clock: () => number) => KeyRing, most: number) {
    const clock = this.clock.read;
    this.queue = new LeaseQueue(clock, most);
    const log = getLogger(["rfaas", "test"]);
    const context = { store, clock, keys: keys(clock), log, queue: this.queue };
    this.nodes = new NodeBook(context);
    this.leases = new LeaseBook(context);
  }

  static async open(most = 100): Promise<Books> {
    const store = new MemoryStore();
    const ring = await KeyRing.open(store, new FakeClock().read);
    return new Books(store, () => ring, most);
  }

  register(name: string, cores: number) {
    return this.nodes.register({
      name,
      cores,
      memoryBytes: 1000,
      addresses: ["shm:x"],
      bootId: "b",
    });
  }

  take(workers: number): Promise<LeaseTaken> {
    return this.leases.take(caller, { workers, memoryBytes: 0, seconds: 3600 });
  }

  /** Takes, and claims on the first candidate, so that it does not lapse. */
  async hold(workers: number): Promise<LeaseTaken> {
    const taken = await this.take(workers);
    await this.claim(taken, workers);
    return taken;
  }

  claim({ lease, grants }: LeaseTaken, workers: number): Promise<void> {
    return this.nodes.report(grants[0]!.node, lease, { epoch: 1, state: "claimed", workers });
  }

  wait(name: string, workers: number, waitMs = longMs, signal?: AbortSignal): Promise<LeaseTaken> {
    const asked = { workers, memoryBytes: 0, seconds: 3600, waitMs };
    const taken = this.leases.take(caller, asked, signal === undefined ? {} : { signal });
    this.#waits.push(taken.then(() => this.served.push(name), () => {}));
    return taken;
  }

  /** Resolves when all that was asked for so far was tried: rows in memory need no turn of the event loop. */
  settled(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 0));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queue.close();
    await Promise.all(this.#waits);
  }
}

Deno.test("those who wait are served in the order in which they came, one for each core that is freed", async () => {
  await using books = await Books.open();
  await books.register("n", 1);
  let held = await books.hold(1);
  const waits = ["a", "b", "c"].map((name) => books.wait(name, 1));
  await books.settled();
  assertEquals(books.served, []);
  for (const [at, expected] of [["a"], ["a", "b"], ["a", "b", "c"]].entries()) {
    await books.leases.end(caller, held.lease);
    held = await waits[at]!;
    await books.settled();
    assertEquals(books.served, expected);
  }
});

Deno.test("one who waits is given room when a node registers, is lent again, beats again, or a lease lapses", async () => {
  await using books = await Books.open();
  const first = books.wait("registered", 2);
  await books.settled();
  const { node } = await books.register("n", 2);
  await first;

  await books.nodes.drain(node, 0);
  await books.leases.end(caller, (await first).lease);
  const second = books.wait("lent", 2);
  await books.settled();
  await books.nodes.drain(node, null);
  await second;

  await books.leases.end(caller, (await second).lease);
  books.clock.nowMs += 10_000; // it has missed its heartbeats
  const third = books.wait("back", 2);
  await books.settled();
  assertEquals(books.served, ["registered", "lent"]);
  await books.nodes.beat(node, { epoch: 1, leases: [] });
  await third;

  const fourth = books.wait("lapsed", 2); // nobody claims the third
  await books.settled();
  assertEquals(books.queue.length, 1);
  books.clock.nowMs += 2500;
  await books.leases.sweep();
  await fourth;
  assertEquals(books.served, ["registered", "lent", "back", "lapsed"]);
});

Deno.test("a claim frees the other candidates for those who wait", async () => {
  await using books = await Books.open();
  for (const name of ["n1", "n2", "n3"]) await books.register(name, 1);
  const taken = await books.take(1);
  assertEquals(taken.grants.length, 3);
  const wait = books.wait("a", 1);
  await books.settled();
  assertEquals(books.served, []);
  await books.claim(taken, 1);
  await wait;
});

Deno.test("a small request passes a large one that does not fit, and no more often than the bound", async () => {
  await using books = await Books.open();
  await books.register("n", 3);
  const held = await books.hold(2);
  const large = books.wait("large", 3);
  const small = books.wait("small", 1);
  await books.leases.end(caller, (await small).lease);
  assertEquals(books.served, ["small"]);
  // The one that waited counts, and those that did not.
  for (let i = 1; i < maxPassed; i++) await books.leases.end(caller, (await books.take(1)).lease);
  const refused = await assertRejects(() => books.take(1), Refusal);
  assertEquals(refused.code, "full");
  const later = books.wait("later", 1);
  await books.settled();
  assertEquals(books.served, ["small"]);
  await books.leases.end(caller, held.lease);
  await books.leases.end(caller, (await large).lease);
  await later;
  assertEquals(books.served, ["small", "large", "later"]);
});

Deno.test("one who waited for long is not passed on one node, and others go on elsewhere", async () => {
  await using books = await Books.open();
  const { node: n1 } = await books.register("n1", 4);
  await books.register("n2", 1);
  await books.hold(2); // on the emptier node, which is n1
  const large = books.wait("large", 4);
  await books.settled();
  books.clock.nowMs += maxPassedMs;
  for (const { node, epoch } of [await books.register("n2", 1)]) {
    await books.nodes.beat(node, { epoch, leases: [] });
  }
  const { leases } = await books.leases.list(caller);
  const running = leases.map(({ lease, workers }) => ({ lease, workers }));
  await books.nodes.beat(n1, { epoch: 1, leases: running });
  const { grants } = await books.take(1);
  assertEquals(grants.map(({ name }) => name), ["n2"]);
  await books.leases.end(caller, running[0]!.lease);
  assertEquals((await large).grants.map(({ node }) => node), [n1]);
});

Deno.test("one who asks for more than any node has keeps nothing from others", async () => {
  await using books = await Books.open();
  const { node } = await books.register("n", 2);
  const absurd = assertRejects(() => books.wait("absurd", 1024), Refusal, "closing");
  await books.settled();
  books.clock.nowMs += maxPassedMs;
  await books.nodes.beat(node, { epoch: 1, leases: [] });
  await books.hold(2);
  await books.queue.close();
  await absurd;
});

Deno.test("the time to claim is counted from the grant, not from the request", async () => {
  await using books = await Books.open();
  await books.register("n", 1);
  const held = await books.hold(1);
  const wait = books.wait("a", 1);
  await books.settled();
  books.clock.nowMs += 3000;
  await books.leases.end(caller, held.lease);
  const taken = await wait;
  assertEquals(taken.nowMs, books.clock.nowMs);
  assertEquals(taken.expiresMs, books.clock.nowMs + 3_600_000);
  const grant = JSON.parse(atob(taken.grants[0]!.grant.split(".")[0]!.replace(/-/g, "+")));
  assertEquals(grant.claimByMs, books.clock.nowMs + 2000);
});

Deno.test("one who has waited for as long as it may is refused, with the reason and the time, and leaves the queue", async () => {
  await using books = await Books.open();
  const none = await assertRejects(() => books.wait("a", 1, 20), Refusal);
  assertEquals(none.code, "no-nodes");
  assertEquals(none.message, "Cannot give lease: no node is up, after a wait of 20 ms");
  await books.register("n", 1);
  await books.hold(1);
  const full = await assertRejects(() => books.wait("a", 1, 30), Refusal);
  assertEquals(full.code, "full");
  assertMatch(full.message, /no node has 1 free cores .*, after a wait of 30 ms$/);
  assertEquals(books.queue.length, 0);
});

Deno.test("no more wait than may, and those who do not wait are not queued", async () => {
  await using books = await Books.open(2);
  await books.register("n", 1);
  await books.hold(1);
  const waits = ["a", "b"].map((name) =>
    assertRejects(() => books.wait(name, 1), Refusal, "closing")
  );
  const refused = await assertRejects(() => books.wait("c", 1), Refusal, "2 requests wait already");
  assertEquals(refused.code, "full");
  await assertRejects(() => books.take(1), Refusal, "no node has");
  assertEquals(books.queue.length, 2);
  await books.queue.close();
  await Promise.all(waits);
});

Deno.test("who gives up has left the queue, and what was given to it in that moment is given back", async () => {
  await using books = await Books.open();
  const { node } = await books.register("n", 1);
  const held = await books.hold(1);
  const goes = new AbortController();
  const gone = assertRejects(() => books.wait("gone", 1, longMs, goes.signal), Error, "left");
  await books.settled();
  goes.abort(new Error("left"));
  await gone;
  assertEquals(books.queue.length, 0);

  // In the middle of the try that would have served it.
  const late = new AbortController();
  const missed = assertRejects(() => books.wait("missed", 1, longMs, late.signal), Error, "late");
  await books.settled();
  const ending = books.leases.end(caller, held.lease);
  await Promise.resolve().then(() => late.abort(new Error("late")));
  await Promise.all([ending, missed]);
  await books.settled();
  const { nodes } = await books.nodes.list();
  assertEquals(nodes.find((each) => each.node === node)?.freeCores, 1);
});

Deno.test("the token and the quota are looked at again when the turn comes", async () => {
  await using books = await Books.open();
  await books.register("n", 2);
  const held = await books.hold(2);
  let isHeld = true;
  const assertHeld = () => {
    if (!isHeld) throw new Refusal(401, "unauthorized", "it was revoked");
  };
  const asked = { workers: 1, memoryBytes: 0, seconds: 60, waitMs: longMs };
  const ada = { ...caller, name: "ada", quota: { leases: 1 } };
  const revoked = assertRejects(
    () => books.leases.take({ ...caller, name: "eve" }, asked, { assertHeld }),
    Refusal,
    "revoked",
  );
  const first = books.leases.take(ada, asked);
  const second = assertRejects(() => books.leases.take(ada, asked), Refusal, "quota is 1");
  await books.settled();
  isHeld = false;
  await books.leases.end(caller, held.lease);
  await Promise.all([revoked, first, second]);
});

Deno.test("over HTTP one who hangs up has left the queue, and one who waits is served", async () => {
  await using test = await TestManager.start();
  const { node, epoch } = await test.register("n1", { cores: 1 });
  const asked = { workers: 1, memoryBytes: 0, seconds: 60 };
  const held = await test.client.takeLease(asked);
  await test.node.reportLease(node, held.lease, { epoch, state: "claimed", workers: 1 });
  const { hostname, port } = new URL(test.url);
  using first = await Deno.connect({ hostname, port: Number(port) });
  const body = JSON.stringify({ ...asked, waitMs: longMs });
  await first.write(
    new TextEncoder().encode(
      `POST /v1/leases HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${test.token("client")}\r\n` +
        `content-length: ${body.length}\r\n\r\n${body}`,
    ),
  );
  // Both wait once the third, which does not wait for long, was refused.
  await assertRejects(() => test.client.takeLease({ ...asked, waitMs: 50 }), LeaseRefused, "50 ms");
  using patient = new ManagerClient({ url: test.url, token: test.token("client"), timeoutMs: 300 });
  const second = patient.takeLease({ ...asked, waitMs: longMs });
  await assertRejects(() => test.client.takeLease({ ...asked, waitMs: 400 }), LeaseRefused);
  await first.closeWrite();
  assertEquals(await first.read(new Uint8Array(1)), null, "it was to see that this end is closed");
  await test.client.endLease(held.lease);
  // It waited for longer than a request may take that does not.
  const taken = await within(2000, "the turn of one who waits", second);
  assertEquals((await test.operator.leases()).leases.map(({ lease }) => lease), [taken.lease]);
});

Deno.test("closing answers all who wait at once, and so does a token's end at their turn", async () => {
  const test = await TestManager.start();
  try {
    const { token } = await test.operator.createToken({ role: "client", name: "eve" });
    using eve = new ManagerClient({ url: test.url, token });
    const asked = { workers: 1, memoryBytes: 0, seconds: 60, waitMs: longMs };
    const revoked = assertRejects(() => eve.takeLease(asked), Error, "no token that is known");
    await assertRejects(() => eve.takeLease({ ...asked, waitMs: 30 }), LeaseRefused, "no node");
    await test.operator.revokeToken("eve");
    await revoked;
    const startMs = performance.now();
    const waits = [0, 1, 2].map(() =>
      assertRejects(() => test.client.takeLease(asked), ManagerUnreachable, "503")
    );
    await assertRejects(() => test.client.takeLease({ ...asked, waitMs: 30 }), LeaseRefused);
    await test.manager.close();
    await Promise.all(waits);
    assert(performance.now() - startMs < limitMs(20_000));
  } finally {
    await test[Symbol.asyncDispose]();
  }
});
