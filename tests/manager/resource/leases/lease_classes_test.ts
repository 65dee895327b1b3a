/** Classes of clients: which of them the queue serves first. */
import { assertEquals, assertRejects } from "@std/assert";
import {
  GRANT_COUNTS_AS_MS,
  MAX_PASSED,
  MAX_PASSED_MS,
} from "../../../../manager/resource/policy.ts";
import { RefusalError } from "../../../../manager/resource/refusal.ts";
import { caller, QueueBooks } from "../../../support/manager/queue_books.ts";
import { lastingMs } from "../../../support/time_factor.ts";

const longMs = lastingMs(60_000);
const urgent = { name: "eve", class: "urgent" };
const classes = { urgent: { priority: 5 }, spare: { priority: -5 } };

/** Requests a lease that waits, as a client of a class. */
function wait(
  books: QueueBooks,
  name: string,
  workers: number,
  client: { name: string; class?: string },
) {
  return books.wait(name, workers, longMs, undefined, client);
}

Deno.test("requests of a higher class are served before earlier ones, and those of one class in turn", async () => {
  await using books = await QueueBooks.open({ classes });
  await books.register("n", 1);
  const held = await books.hold(1);
  const spare = { name: "sue", class: "spare" };
  const waits = new Map([
    ["spare", wait(books, "spare", 1, spare)],
    ["ada 1", wait(books, "ada 1", 1, { name: "ada" })],
    ["ada 2", wait(books, "ada 2", 1, { name: "ada" })],
    ["bob", wait(books, "bob", 1, { name: "bob", class: "default" })],
    // Of a class that the configuration does not name any more: as without one.
    ["old", wait(books, "old", 1, { name: "old", class: "gone" })],
    ["urgent", wait(books, "urgent", 1, urgent)],
  ]);
  await books.settled();
  const order = ["urgent", "ada 1", "bob", "old", "ada 2", "spare"];
  let lease = held.lease;
  for (const name of order) {
    await books.leases.release({ ...caller, role: "operator" }, lease);
    lease = (await waits.get(name)!).lease;
  }
  assertEquals(books.served, order);
});

Deno.test("of two accounts in one priority, the one with less usage for its share is served first", async () => {
  const classes = { default: {}, large: { share: 100 } };
  await using books = await QueueBooks.open({ classes, usageHalfLifeMs: 1000 });
  await books.register("n", 1);
  const held = await books.hold(1);
  const of = (account: string, name: string, more: { class?: string } = {}) => {
    const waiting = books.wait(name, 1, longMs, undefined, { name, account, ...more });
    return [name, waiting] as const;
  };
  books.usage!.granted("account/biology", 100);
  books.usage!.granted("account/chemistry", 4);
  const waits = new Map([
    of("physics", "ada"),
    of("biology", "bob", { class: "large" }),
    of("chemistry", "cleo"),
    of("physics", "dora"),
    of("chemistry", "emil"),
  ]);
  await books.settled();
  assertEquals(books.queue.waiting.slice(0, 3).map(({ client }) => client), ["ada", "bob", "dora"]);
  // The order follows what is used while requests wait.
  books.usage!.granted("account/physics", 100);
  const release = (lease: string) => books.leases.release({ ...caller, role: "operator" }, lease);
  await release(held.lease);
  await release((await waits.get("bob")!).lease);
  await release((await waits.get("cleo")!).lease);
  await release((await waits.get("emil")!).lease);
  await release((await waits.get("ada")!).lease);
  await waits.get("dora");
  assertEquals(books.served, ["bob", "cleo", "emil", "ada", "dora"]);
});

Deno.test("a lease counts as used at once, and not again when it is repeated or moves", async () => {
  await using books = await QueueBooks.open({ classes: { default: {} } });
  const { node } = await books.register("n", 4);
  const request = { workers: 2, memoryBytes: 0, termMs: 60_000, request: "a".repeat(32) };
  const used = () => books.usage!.of("client/client");
  const first = await books.leases.take(caller, request);
  assertEquals(used(), 2 * GRANT_COUNTS_AS_MS);
  assertEquals((await books.leases.take(caller, request)).lease, first.lease);
  await books.claim(first, 2);
  await books.nodes.lent.drain({ ...caller, role: "operator" }, node, { graceMs: 1000 });
  await books.register("m", 4);
  const moved = { workers: 2, memoryBytes: 0, termMs: 60_000, replaces: first.lease };
  await books.leases.take(caller, moved);
  assertEquals(used(), 2 * GRANT_COUNTS_AS_MS);
});

Deno.test("a node that is reserved for a request is open to requests of a higher class", async () => {
  await using books = await QueueBooks.open({ classes });
  const { node } = await books.register("n", 2);
  const held = await books.hold(1);
  void wait(books, "large", 2, { name: "ada" }).catch(() => {});
  await books.settled();
  books.clock.nowMs += MAX_PASSED_MS;
  const running = [{ lease: held.lease, workers: 1 }];
  await books.nodes.heartbeat(node, { epoch: 1, leases: running });
  // The node is reserved for it, but not from a request of a higher class, whether that waits or not.
  await assertRejects(() => books.take(1, { name: "bob" }), RefusalError, "1 reserved for");
  await assertRejects(() => books.take(1, { name: "sue", class: "spare" }), RefusalError);
  const first = await books.take(1, urgent);
  await books.leases.release({ ...caller, ...urgent }, first.lease);
  await wait(books, "urgent", 1, urgent);
  assertEquals(books.served, ["urgent"]);
});

Deno.test("a request of a higher class passes no other, so nothing is reserved for others because of it", async () => {
  await using books = await QueueBooks.open({ classes });
  await books.register("n", 2);
  await books.hold(1);
  void wait(books, "large", 2, { name: "ada" }).catch(() => {});
  await books.settled();
  for (let i = 0; i <= MAX_PASSED; i++) {
    const { lease } = i % 2 === 0
      ? await books.take(1, urgent)
      : await wait(books, "urgent", 1, urgent);
    await books.leases.release({ ...caller, ...urgent }, lease);
  }
  await books.take(1, { name: "bob" });
});

Deno.test("a large request of a higher class is passed by lower ones as often as within a class", async () => {
  await using books = await QueueBooks.open({ classes });
  await books.register("n", 2);
  await books.hold(1);
  void wait(books, "large", 2, urgent).catch(() => {});
  await books.settled();
  for (let i = 0; i < MAX_PASSED; i++) {
    await books.leases.release(caller, (await books.take(1)).lease);
  }
  await assertRejects(() => books.take(1), RefusalError, "1 reserved for");
});

Deno.test("in a full queue a request of a higher class takes the place of one of the lowest class", async () => {
  await using books = await QueueBooks.open({ classes, maxWaiting: 3 });
  const spare = { name: "sue", class: "spare" };
  const full = (work: Promise<unknown>) => assertRejects(() => work, RefusalError, "are waiting");
  const ada = wait(books, "ada", 1, { name: "ada" });
  const first = wait(books, "first", 1, spare);
  const second = wait(books, "second", 1, spare);
  for (const each of [ada, first, second]) each.catch(() => {});
  await full(wait(books, "third", 1, spare));
  void wait(books, "bob", 1, { name: "bob" }).catch(() => {});
  await full(second);
  void wait(books, "urgent", 1, urgent).catch(() => {});
  await full(first);
  await full(wait(books, "fourth", 1, spare));
  void wait(books, "urgent", 1, urgent).catch(() => {});
  await full(ada);
  assertEquals(books.queue.waiting.map(({ client }) => client), ["eve", "eve", "bob"]);
});
