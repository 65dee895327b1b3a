/** Refused lease requests as events. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { RefusedRequests } from "../../../../manager/resource/books/refused_requests.ts";
import {
  KEPT_LEASE_EVENTS,
  MAX_REFUSED_AT_ONCE,
  MAX_REFUSED_EVENTS,
  REFUSED_AGAIN_MS,
} from "../../../../manager/resource/policy.ts";
import { type RefusalCode, RefusalError } from "../../../../manager/resource/refusal.ts";
import { MemoryStore } from "../../../../manager/resource/store/memory_store.ts";
import type { Store, TokenRow } from "../../../../manager/resource/store/store.ts";
import { LeaseRefusedError } from "../../../../runtime/errors.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";
import { TwiceStore } from "../../../support/manager/twice_store.ts";

/** Some refused requests, and what was recorded of them. */
class Refusals {
  readonly clock = new FakeClock();
  readonly store = new TwiceStore(new MemoryStore());
  /** The number of changes of the store. */
  changes = 0;
  readonly refused: RefusedRequests;

  constructor() {
    const store: Pick<Store, "transact"> = {
      transact: (change) => {
        this.changes++;
        return this.store.transact(change);
      },
    };
    this.refused = new RefusedRequests({ store, clock: this.clock.read });
  }

  add(client: string, code: RefusalCode = "full", workers = 1, status: 409 | 503 = 409): void {
    const caller = { role: "client", name: client } as TokenRow;
    const request = { workers, memoryBytes: 1, termMs: 1 };
    this.refused.add(
      caller,
      request,
      new RefusalError(status, code, `Cannot grant lease: ${code}!`),
    );
  }

  async events() {
    const { rows } = await this.store.transact((tx) => tx.events({ limit: 1e6 }));
    return rows.map(({ client, code, requests, workers }) => [client, code, requests, workers]);
  }
}

Deno.test("a refused request is an event with its client, reason and workers", async () => {
  const test = new Refusals();
  const { refused, clock, store } = test;
  assertEquals(await store.transact((tx) => tx.lastEvent()), 0);
  const caller = { role: "client", name: "ada" } as TokenRow;
  const error = new RefusalError(409, "full", "Cannot grant lease: no node has 3 free cores");
  refused.add(caller, { workers: 3, memoryBytes: 1, termMs: 1 }, error);
  assertEquals(test.changes, 0);
  await refused.write();
  const { rows } = await store.transact((tx) => tx.events({ limit: 9 }));
  assertEquals(rows, [{
    seq: 1,
    atMs: clock.nowMs,
    event: "lease-refused",
    role: "client",
    by: "ada",
    client: "ada",
    workers: 3,
    requests: 1,
    code: "full",
    message: "no node has 3 free cores",
  }]);
});

Deno.test("a flood of refused requests is one event for each client and reason in ten seconds", async () => {
  const test = new Refusals();
  let expected = 0;
  for (let second = 0; second < 25; second++) {
    for (let n = 0; n < 1000; n++) test.add("ada", "full", second);
    test.add("ada", "quota");
    expected++;
    await test.refused.write();
    test.clock.nowMs += 1000;
  }
  assertEquals(await test.events(), [
    ["ada", "full", 1000, 0],
    ["ada", "quota", 1, 1],
    ["ada", "full", 10_000, 10],
    ["ada", "quota", 10, 1],
    ["ada", "full", 10_000, 20],
    ["ada", "quota", 10, 1],
  ]);
  assertEquals(test.changes, 3);
  // Those that were left out are counted once their time has come, though no other follows.
  test.clock.nowMs += REFUSED_AGAIN_MS;
  await test.refused.write();
  const events = await test.events();
  assertEquals(events.slice(6), [["ada", "full", 4000, 24], ["ada", "quota", 4, 1]]);
  const sum = events.reduce((all, [, , requests]) => all + Number(requests), 0);
  assertEquals(sum, expected * 1001);
  test.clock.nowMs += REFUSED_AGAIN_MS;
  await test.refused.write();
  assertEquals(test.changes, 4);
});

Deno.test("with many clients each one has its turn, and the events of one write are bounded", async () => {
  const test = new Refusals();
  const clients = Array.from({ length: 3 * MAX_REFUSED_EVENTS }, (_, at) => `client-${at}`);
  for (let round = 1; round <= 3; round++) {
    for (const client of clients) test.add(client);
    await test.refused.write();
    assertEquals((await test.events()).length, round * MAX_REFUSED_EVENTS);
    test.clock.nowMs += REFUSED_AGAIN_MS;
  }
  assertEquals((await test.events()).map(([client]) => client), clients);
});

Deno.test("clients without end take no memory without end", async () => {
  const test = new Refusals();
  for (let n = 0; n < MAX_REFUSED_AT_ONCE + 100; n++) test.add(`client-${n}`);
  for (let n = 0; n <= MAX_REFUSED_AT_ONCE / MAX_REFUSED_EVENTS + 1; n++) {
    await test.refused.write();
  }
  assertEquals((await test.events()).length, MAX_REFUSED_AT_ONCE);
  test.clock.nowMs += REFUSED_AGAIN_MS;
  await test.refused.write();
  test.add("late");
  await test.refused.write();
  assertEquals((await test.events()).at(-1)?.[0], "late");
});

Deno.test("refusals for the state of the resource manager are no events", async () => {
  const test = new Refusals();
  test.add("ada", "closing", 1, 503);
  await test.refused.write();
  assertEquals(test.changes, 0);
});

Deno.test("a write that failed is repeated, with the requests that were refused meanwhile", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore();
  let isDown = true;
  const failing: Pick<Store, "transact"> = {
    transact: (change) => isDown ? Promise.reject(new Error("down")) : store.transact(change),
  };
  const refused = new RefusedRequests({ store: failing, clock: clock.read });
  const caller = { role: "client", name: "ada" } as TokenRow;
  const add = () =>
    refused.add(
      caller,
      { workers: 1, memoryBytes: 1, termMs: 1 },
      new RefusalError(409, "full", "Cannot grant lease: full"),
    );
  add();
  await assertRejects(() => refused.write(), Error, "down");
  isDown = false;
  add();
  const writing = refused.write();
  add();
  await writing;
  clock.nowMs += REFUSED_AGAIN_MS;
  await refused.write();
  const { rows } = await store.transact((tx) => tx.events({ limit: 9 }));
  assertEquals(rows.map(({ requests }) => requests), [2, 1]);
});

Deno.test("refused requests drop no events of nodes and tokens", async () => {
  const store = new MemoryStore();
  await store.transact((tx) => {
    const put = (event: string) =>
      tx.putEvent({
        seq: tx.lastEvent() + 1,
        atMs: 1,
        event,
        role: "client",
        by: "c",
        client: "c",
      });
    put("token-created");
    for (let n = 0; n < KEPT_LEASE_EVENTS + 1; n++) put("lease-refused");
  });
  const events = await store.transact((tx) => tx.allEvents());
  assertEquals(events.length, KEPT_LEASE_EVENTS + 1);
  assertEquals(events[0]?.event, "token-created");
});

Deno.test("a client sees its own refused requests, an operator all", async () => {
  await using test = await TestManager.start();
  const { last } = await test.operator.events();
  const request = { workers: 2, memoryBytes: 2 ** 20, termMs: 60_000 };
  await assertRejects(() => test.client.takeLease(request), LeaseRefusedError, "no node is up");
  const follow = async (reader: typeof test.client) => {
    const { events } = await reader.events({ after: last, waitMs: 20_000 });
    return events.map(({ event, client, code, workers, message }) => [
      event,
      client,
      code,
      workers,
      message,
    ]);
  };
  const expected = [["lease-refused", "client", "no-nodes", 2, "no node is up"]];
  assertEquals(await follow(test.client), expected);
  assertEquals(await follow(test.operator), expected);
  const { token } = await test.operator.createToken({ role: "client", name: "eve" });
  const response = await fetch(`${test.url}/v1/events?after=${last}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const { events } = await response.json();
  assertEquals(events, []);
  const own = await test.operator.events({ after: last, client: "client" });
  assert(own.events.some(({ event }) => event === "lease-refused"));
});
