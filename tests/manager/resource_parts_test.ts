/** A lease of several nodes, as the resource manager keeps it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { KeyRing } from "../../manager/resource/key_ring.ts";
import { LeaseBook } from "../../manager/resource/lease_book.ts";
import { LeaseQueue } from "../../manager/resource/lease_queue.ts";
import { MemoryStore } from "../../manager/resource/memory_store.ts";
import { NodeBook } from "../../manager/resource/node_book.ts";
import { maxWaitingOfClient } from "../../manager/resource/policy.ts";
import { Refusal } from "../../manager/resource/refusal.ts";
import type { TokenRow } from "../../manager/resource/store.ts";
import { getLogger } from "../../manager/log.ts";
import type { LeaseTaken } from "../../runtime/http/manager_api.ts";
import { within } from "../support/process_table.ts";
import { FakeClock } from "./resource_support.ts";

const ada: TokenRow = { hash: "", role: "client", name: "ada" };

/** The books over rows in memory, with nodes of four cores and 100 bytes. */
class Books implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly queue = new LeaseQueue(this.clock.read, 1000);
  readonly nodes: NodeBook;
  readonly leases: LeaseBook;
  readonly ids = new Map<string, string>();

  private constructor(keys: KeyRing, store: MemoryStore) {
    const log = getLogger(["rfaas", "test"]);
    const context = { store, clock: this.clock.read, keys, log, queue: this.queue };
    this.nodes = new NodeBook(context);
    this.leases = new LeaseBook(context);
  }

  static async open(nodes: number): Promise<Books> {
    const store = new MemoryStore();
    const books = new Books(await KeyRing.open(store, new FakeClock().read), store);
    for (let i = 0; i < nodes; i++) await books.register(`n${i}`);
    return books;
  }

  async register(name: string): Promise<void> {
    const told = { name, cores: 4, memoryBytes: 100, addresses: ["shm:x"], bootId: "b" };
    this.ids.set(name, (await this.nodes.register(told)).node);
  }

  take(workers: number, more: { instead?: string; waitMs?: number } = {}, caller = ada) {
    return this.leases.take(caller, { workers, memoryBytes: workers * 10, seconds: 60, ...more });
  }

  claim(lease: string, node: string, workers: number): Promise<void> {
    return this.nodes.report(node, lease, { epoch: 1, state: "claimed", workers });
  }

  /** Claims on as many candidates as it takes. */
  async hold(workers: number, more: { instead?: string } = {}, caller = ada): Promise<LeaseTaken> {
    const taken = await this.take(workers, more, caller);
    let missing = workers;
    for (const grant of taken.grants) {
      const few = Math.min(missing, grant.workers);
      if (few > 0) await this.claim(taken.lease, grant.node, few);
      missing -= few;
    }
    return taken;
  }

  async free(): Promise<[cores: number, bytes: number][]> {
    const { nodes } = await this.nodes.list();
    return nodes.map(({ freeCores, freeMemoryBytes }) => [freeCores, freeMemoryBytes]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queue.close();
  }
}

Deno.test("claims that cover the lease release the rest, and one for fewer workers frees what it leaves", async () => {
  await using books = await Books.open(4);
  const { lease, grants } = await books.take(6);
  assertEquals(grants.map(({ workers }) => workers), [4, 4, 4, 4]);
  assertEquals(await books.free(), [[0, 60], [0, 60], [0, 60], [0, 60]]);
  const [a, b, c] = grants.map(({ node }) => node) as [string, string, string];
  await books.claim(lease, a, 4);
  await books.claim(lease, b, 1);
  assertEquals(await books.free(), [[0, 60], [3, 90], [0, 60], [0, 60]]);
  const beyond = await assertRejects(() => books.claim(lease, c, 2), Refusal);
  assertEquals(beyond.code, "over");
  await books.claim(lease, c, 1);
  assertEquals(await books.free(), [[0, 60], [3, 90], [3, 90], [4, 100]]);
  await books.claim(lease, b, 1); // again
  const { leases } = await books.leases.list(ada);
  assertEquals(leases.map(({ workers }) => workers), [6]);
  assertEquals(leases[0]!.nodes.map(({ workers }) => workers).toSorted(), [1, 1, 4]);
  const renewed = await books.leases.renew(ada, lease, { seconds: 90 });
  assertEquals(renewed.grants.map(({ workers }) => workers).toSorted(), [1, 1, 4]);
});

Deno.test("a part that was claimed and not heard of is renewed with the others", async () => {
  await using books = await Books.open(2);
  const { lease, grants } = await books.take(8);
  await books.claim(lease, grants[0]!.node, 4);
  const renewed = await books.leases.renew(ada, lease, { seconds: 90 });
  assertEquals(new Set(renewed.grants.map(({ node }) => node)), new Set(books.ids.values()));
});

Deno.test("what a lease has of one node is given back alone, and the lease ends with the last", async () => {
  await using books = await Books.open(2);
  const { lease, grants } = await books.hold(6);
  const [a, b] = grants.map(({ node }) => node) as [string, string];
  await books.leases.endOn(ada, lease, a);
  await books.leases.endOn(ada, lease, a);
  const { leases } = await books.leases.list(ada);
  assertEquals(leases.map(({ workers, memoryBytes }) => [workers, memoryBytes]), [[2, 20]]);
  const stranger = { ...ada, name: "eve" };
  for (const [who, node] of [[stranger, b], [ada, "0".repeat(32)]] as const) {
    const refused = await assertRejects(() => books.leases.endOn(who, lease, node), Refusal);
    assertEquals(refused.status, 404);
  }
  await books.leases.endOn(ada, lease, b);
  assertEquals((await books.leases.list(ada)).leases, []);
  assertEquals(await books.free(), [[4, 100], [4, 100]]);
});

Deno.test("a lease that moves part by part counts once for a quota, and never as more than it was", async () => {
  await using books = await Books.open(4);
  const bob: TokenRow = { ...ada, name: "bob", quota: { workers: 6, leases: 1, memoryBytes: 60 } };
  const { lease, grants } = await books.hold(6, {}, bob);
  const refused = (work: () => Promise<unknown>) => assertRejects(work, Refusal);
  const instead = { instead: lease };
  assertEquals((await refused(() => books.take(1, {}, bob))).code, "quota");
  assertEquals((await refused(() => books.take(1, instead, bob))).code, "quota");
  assertEquals((await refused(() => books.take(1, instead, ada))).status, 404);

  await books.nodes.drain(grants[0]!.node, 1000);
  const moved = await books.hold(4, instead, bob);
  assertEquals((await refused(() => books.take(1, instead, bob))).code, "quota");
  assertEquals((await refused(() => books.take(1, { instead: moved.lease }, bob))).code, "quota");
  await books.leases.endOn(bob, lease, grants[0]!.node);
  assertEquals((await refused(() => books.take(1, instead, bob))).code, "quota");

  // The other part is lost: it was given back, and its node may have vanished.
  await books.leases.endOn(bob, lease, grants[1]!.node);
  const last = await books.hold(2, instead, bob);
  assertEquals((await refused(() => books.take(1, { instead: last.lease }, bob))).code, "quota");
  assertEquals((await refused(() => books.take(1, {}, bob))).code, "quota");
  await books.leases.end(bob, moved.lease);
  assertEquals((await refused(() => books.take(1, {}, bob))).code, "quota", "a part still runs");
  await books.leases.end(bob, last.lease);
  await books.leases.end(bob, (await books.hold(6, instead, bob)).lease); // nothing is left to be replaced
  await books.hold(6, {}, bob);
});

Deno.test("one who waits for more than any node has is served by several, as soon as they have room", async () => {
  await using books = await Books.open(2);
  const small = [await books.hold(3), await books.hold(3)];
  const waiting = books.take(6, { waitMs: 60_000 });
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(books.queue.length, 1);
  await books.leases.end(ada, small[0]!.lease);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(books.queue.length, 1, "five are free");
  await books.leases.end(ada, small[1]!.lease);
  assertEquals((await waiting).grants.map(({ workers }) => workers), [4, 4]);
});

Deno.test("much memory on many workers has room where the same on one has none", async () => {
  await using books = await Books.open(2);
  await books.hold(4);
  await books.hold(4);
  const asked = { memoryBytes: 120, seconds: 60, waitMs: 60_000 };
  const large = assertRejects(() => books.leases.take(ada, { workers: 1, ...asked }), Refusal);
  const waiting = books.leases.take(ada, { workers: 4, ...asked });
  const { leases } = await books.leases.list(ada);
  for (const { lease } of leases) await books.leases.end(ada, lease);
  const { grants } = await within(5000, "the turn of the second", waiting);
  assertEquals(grants.map(({ workers }) => workers), [3, 3]);
  await books.queue.close();
  await large;
});

Deno.test("one client can't fill the queue", async () => {
  await using books = await Books.open(1);
  await books.hold(4);
  const waits = Array.from(
    { length: maxWaitingOfClient },
    () => assertRejects(() => books.take(1, { waitMs: 60_000 }), Refusal, "closing"),
  );
  const more = () => within(5000, "the refusal", books.take(1, { waitMs: 60_000 }));
  const one = await assertRejects(more, Refusal);
  assertEquals(one.code, "quota");
  assert(one.message.includes(`${maxWaitingOfClient} requests of client ada wait already`));
  const bob = { ...ada, name: "bob" };
  waits.push(assertRejects(() => books.take(1, { waitMs: 60_000 }, bob), Refusal, "closing"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(books.queue.length, maxWaitingOfClient + 1);
  await books.queue.close();
  await Promise.all(waits);
});
