/** Leases of several nodes in the resource manager. */
import { assertEquals, assertRejects } from "@std/assert";
import { KeyRing } from "../../../../manager/resource/books/key_ring.ts";
import { LeaseBook } from "../../../../manager/resource/books/lease_book.ts";
import { LeaseQueue } from "../../../../manager/resource/leases/lease_queue.ts";
import { MemoryStore } from "../../../../manager/resource/store/memory_store.ts";
import { NodeBook } from "../../../../manager/resource/books/node_book.ts";
import { RefusalError } from "../../../../manager/resource/refusal.ts";
import type { TokenRow } from "../../../../manager/resource/store/store.ts";
import type { LeaseResponse } from "../../../../runtime/http/manager_api.ts";
import { bookContext } from "../../../support/manager/book_context.ts";
import { within } from "../../../support/waiting.ts";
import { FakeClock } from "../../../support/manager/test_manager.ts";
import { TwiceStore } from "../../../support/manager/twice_store.ts";

const ada: TokenRow = { hash: "", role: "client", name: "ada" };

/** The books over rows in memory, with nodes of four cores and 100 bytes. */
class Books implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly queue = new LeaseQueue(this.clock.read, 1000);
  readonly nodes: NodeBook;
  readonly leases: LeaseBook;
  readonly ids = new Map<string, string>();

  private constructor(keys: KeyRing, store: TwiceStore) {
    const context = bookContext({ store, clock: this.clock.read, keys, queue: this.queue });
    this.nodes = new NodeBook(context);
    this.leases = new LeaseBook(context);
  }

  static async open(nodes: number): Promise<Books> {
    const store = new TwiceStore(new MemoryStore());
    const books = new Books(await KeyRing.open(store, new FakeClock().read), store);
    for (let i = 0; i < nodes; i++) await books.register(`n${i}`);
    return books;
  }

  async register(name: string): Promise<void> {
    const registration = { name, cores: 4, memoryBytes: 100, addresses: ["shm:x"], bootId: "b" };
    this.ids.set(name, (await this.nodes.register(registration)).node);
  }

  take(workers: number, more: { replaces?: string; waitMs?: number } = {}, caller = ada) {
    return this.leases.take(caller, {
      workers,
      memoryBytes: workers * 10,
      termMs: 60_000,
      ...more,
    });
  }

  claim(lease: string, node: string, workers: number): Promise<void> {
    return this.nodes.report(node, lease, { epoch: 1, state: "claimed", workers });
  }

  /** Claims on as many candidates as it takes. */
  async hold(
    workers: number,
    more: { replaces?: string } = {},
    caller = ada,
  ): Promise<LeaseResponse> {
    const granted = await this.take(workers, more, caller);
    let missing = workers;
    for (const grant of granted.grants) {
      const few = Math.min(missing, grant.workers);
      if (few > 0) await this.claim(granted.lease, grant.node, few);
      missing -= few;
    }
    return granted;
  }

  async free(): Promise<[cores: number, bytes: number][]> {
    const { nodes } = await this.nodes.list();
    return nodes.map(({ freeCores, freeMemoryBytes }) => [freeCores, freeMemoryBytes]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queue.close();
  }
}

Deno.test("the claim that completes a lease releases other candidates, and a smaller claim frees the rest of its grant", async () => {
  await using books = await Books.open(4);
  const { lease, grants } = await books.take(6);
  assertEquals(grants.map(({ workers }) => workers), [4, 4, 4, 4]);
  assertEquals(await books.free(), [[0, 60], [2, 80], [4, 100], [4, 100]]);
  const [a, b, c] = grants.map(({ node }) => node) as [string, string, string];
  await books.claim(lease, a, 4);
  await books.claim(lease, b, 1);
  assertEquals(await books.free(), [[0, 60], [3, 90], [4, 100], [4, 100]]);
  const beyond = await assertRejects(() => books.claim(lease, c, 2), RefusalError);
  assertEquals(beyond.code, "over");
  await books.claim(lease, c, 1);
  assertEquals(await books.free(), [[0, 60], [3, 90], [3, 90], [4, 100]]);
  await books.claim(lease, b, 1); // repeated
  const { leases } = await books.leases.list(ada);
  assertEquals(leases.map(({ workers }) => workers), [6]);
  assertEquals(leases[0]!.nodes.map(({ workers }) => workers).toSorted(), [1, 1, 4]);
  const renewed = await books.leases.renew(ada, lease, { termMs: 90_000 });
  assertEquals(renewed.grants.map(({ workers }) => workers).toSorted(), [1, 1, 4]);
});

Deno.test("a part whose claim was not reported is renewed with the others", async () => {
  await using books = await Books.open(2);
  const { lease, grants } = await books.take(8);
  await books.claim(lease, grants[0]!.node, 4);
  const renewed = await books.leases.renew(ada, lease, { termMs: 90_000 });
  assertEquals(new Set(renewed.grants.map(({ node }) => node)), new Set(books.ids.values()));
});

Deno.test("each part is released alone, and the lease ends with the last one", async () => {
  await using books = await Books.open(2);
  const { lease, grants } = await books.hold(6);
  const [a, b] = grants.map(({ node }) => node) as [string, string];
  await books.leases.releasePart(ada, lease, a);
  await books.leases.releasePart(ada, lease, a);
  const { leases } = await books.leases.list(ada);
  assertEquals(leases.map(({ workers, memoryBytes }) => [workers, memoryBytes]), [[2, 20]]);
  const stranger = { ...ada, name: "eve" };
  for (const [caller, node] of [[stranger, b], [ada, "0".repeat(32)]] as const) {
    const refused = await assertRejects(
      () => books.leases.releasePart(caller, lease, node),
      RefusalError,
    );
    assertEquals(refused.status, 404);
  }
  await books.leases.releasePart(ada, lease, b);
  assertEquals((await books.leases.list(ada)).leases, []);
  assertEquals(await books.free(), [[4, 100], [4, 100]]);
});

Deno.test("a lease that moves part by part counts once for a quota, with its original size", async () => {
  await using books = await Books.open(4);
  const bob: TokenRow = { ...ada, name: "bob", quota: { workers: 6, leases: 1, memoryBytes: 60 } };
  const { lease, grants } = await books.hold(6, {}, bob);
  const refused = (work: () => Promise<unknown>) => assertRejects(work, RefusalError);
  const replaces = { replaces: lease };
  assertEquals((await refused(() => books.take(1, {}, bob))).code, "quota");
  assertEquals((await refused(() => books.take(1, replaces, bob))).code, "quota");
  assertEquals((await refused(() => books.take(1, replaces, ada))).status, 404);

  await books.nodes.lent.drain(bob, grants[0]!.node, { graceMs: 1000 });
  const moved = await books.hold(4, replaces, bob);
  assertEquals((await refused(() => books.take(1, replaces, bob))).code, "quota");
  assertEquals((await refused(() => books.take(1, { replaces: moved.lease }, bob))).code, "quota");
  await books.leases.releasePart(bob, lease, grants[0]!.node);
  assertEquals((await refused(() => books.take(1, replaces, bob))).code, "quota");

  // The other part was released, because its node is lost.
  await books.leases.releasePart(bob, lease, grants[1]!.node);
  const last = await books.hold(2, replaces, bob);
  assertEquals((await refused(() => books.take(1, { replaces: last.lease }, bob))).code, "quota");
  assertEquals((await refused(() => books.take(1, {}, bob))).code, "quota");
  await books.leases.release(bob, moved.lease);
  assertEquals((await refused(() => books.take(1, {}, bob))).code, "quota", "a part still runs");
  await books.leases.release(bob, last.lease);
  await books.leases.release(bob, (await books.hold(6, replaces, bob)).lease); // no part is left to be replaced
  await books.hold(6, {}, bob);
});

Deno.test("a waiting request for more than any node has is served by several nodes", async () => {
  await using books = await Books.open(2);
  const small = [await books.hold(3), await books.hold(3)];
  const waiting = books.take(6, { waitMs: 60_000 });
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(books.queue.length, 1);
  await books.leases.release(ada, small[0]!.lease);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(books.queue.length, 1, "five are free");
  await books.leases.release(ada, small[1]!.lease);
  assertEquals((await waiting).grants.map(({ workers }) => workers), [4, 4]);
});

Deno.test("memory that does not fit on one node fits if more workers share it", async () => {
  await using books = await Books.open(2);
  await books.hold(4);
  await books.hold(4);
  const request = { memoryBytes: 120, termMs: 60_000, waitMs: 60_000 };
  const large = assertRejects(
    () => books.leases.take(ada, { workers: 1, ...request }),
    RefusalError,
  );
  const waiting = books.leases.take(ada, { workers: 4, ...request });
  const { leases } = await books.leases.list(ada);
  for (const { lease } of leases) await books.leases.release(ada, lease);
  const { grants } = await within(5000, "the turn of the second", waiting);
  assertEquals(grants.map(({ workers }) => workers), [3, 3]);
  await books.queue.close();
  await large;
});
