/** `GET /v1/queue`: which requests wait, in their order, why each one does, and what of it a token sees. */
import { assertEquals, assertRejects } from "@std/assert";
import type { LeaseRequest, TokenRequest } from "../../../../manager.ts";
import { Classes } from "../../../../manager/resource/leases/classes.ts";
import { listWaiting } from "../../../../manager/resource/leases/waiting_list.ts";
import { MAX_PASSED } from "../../../../manager/resource/policy.ts";
import type { ResourceManagerOptions } from "../../../../manager/resource/resource_manager.ts";
import { Standby } from "../../../../manager/resource/standby.ts";
import { UnauthorizedError } from "../../../../runtime/errors.ts";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { MAX_PAGE_ENTRIES } from "../../../../runtime/http/page_api.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";
import { lastingMs } from "../../../support/time_factor.ts";
import { until } from "../../../support/waiting.ts";

/** Bounded, so that a test whose wait does not end fails with a reason. */
const waitMs = lastingMs(60_000);
const MIB = 2 ** 20;
/** What keeps no node from a request. */
const NONE = { lost: 0, draining: 0, reserved: 0, avoided: 0, lacksCores: 0, lacksMemory: 0 };

/** A resource manager at which requests wait until the end of the test. */
class Waiting implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly #gone = new AbortController();
  readonly #waits: Promise<unknown>[] = [];
  readonly #clients = new Map<string, ManagerClient>();

  private constructor(readonly test: TestManager, clock: FakeClock) {
    this.clock = clock;
  }

  static async start(options: Partial<ResourceManagerOptions> = {}): Promise<Waiting> {
    const clock = new FakeClock();
    return new Waiting(await TestManager.start({ clock: clock.read, ...options }), clock);
  }

  async client(name: string, more: Partial<TokenRequest> = {}): Promise<ManagerClient> {
    const known = this.#clients.get(name);
    if (known !== undefined) return known;
    const { token } = await this.test.operator.createToken({ role: "client", name, ...more });
    const client = new ManagerClient({ url: this.test.url, token });
    this.#clients.set(name, client);
    return client;
  }

  /** Requests a lease, and resolves when the request waits and was tried. */
  async wait(name: string, workers: number, more: Partial<LeaseRequest> = {}): Promise<void> {
    const client = await this.client(name);
    const { waiting: before } = await this.test.operator.queue();
    const request = { workers, memoryBytes: workers * MIB, termMs: 60_000, waitMs, ...more };
    this.#waits.push(client.takeLease(request, this.#gone.signal).catch(() => {}));
    await until(async () => {
      const { waiting } = await this.test.operator.queue();
      return waiting.length > before.length &&
        waiting.every(({ reason }) => reason.code !== "untried");
    }, () => `the request of ${name} waits`);
  }

  /** Takes a lease and claims it, so that it does not lapse. */
  async hold(workers: number): Promise<string> {
    const request = { workers, memoryBytes: MIB, termMs: 60_000 };
    const { lease, grants } = await this.test.client.takeLease(request);
    const claimed = { epoch: 1, state: "claimed", workers } as const;
    await this.test.node.reportLease(grants[0]!.node, lease, claimed);
    return lease;
  }

  /** The reason of the only request. */
  async reason() {
    const { waiting: [only, ...others] } = await this.test.operator.queue();
    assertEquals(others, []);
    return only!.reason;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#gone.abort();
    await Promise.all(this.#waits);
    for (const client of this.#clients.values()) client.close();
    await this.test[Symbol.asyncDispose]();
  }
}

Deno.test("`queue()` is empty if no request waits, and needs a token of a client or an operator", async () => {
  await using waiting = await Waiting.start();
  const { operator, client, node } = waiting.test;
  const empty = { nowMs: waiting.clock.nowMs, waiting: [], more: 0 };
  assertEquals([await operator.queue(), await client.queue()], [empty, empty]);
  await assertRejects(() => node.queue(), UnauthorizedError);
});

Deno.test("`queue()` lists the requests in the order in which clients take turns, with all of each", async () => {
  await using waiting = await Waiting.start();
  const { test, clock } = waiting;
  await waiting.wait("ada", 1);
  const sinceMs = clock.nowMs;
  clock.nowMs += 1500;
  await waiting.wait("ada", 2);
  await waiting.wait("bob", 4, { memoryBytes: 5 * MIB });
  const { waiting: list, nowMs, more } = await test.operator.queue();
  assertEquals([nowMs, more], [sinceMs + 1500, 0]);
  // The second one of ada waits behind the first one of bob, which arrived later.
  assertEquals(list.map(({ place, client, workers }) => [place, client, workers]), [
    [1, "ada", 1],
    [2, "bob", 4],
    [3, "ada", 2],
  ]);
  assertEquals(list[0], {
    place: 1,
    client: "ada",
    workers: 1,
    memoryBytes: MIB,
    sinceMs,
    untilMs: sinceMs + waitMs,
    reason: { code: "no-nodes", message: "no node is up", nodes: NONE },
  });
  assertEquals([list[1]!.memoryBytes, list[1]!.sinceMs], [5 * MIB, sinceMs + 1500]);
  const message = "there is no capacity for a request before it that is no larger";
  assertEquals(list[2]!.reason, { code: "behind", message });
});

Deno.test("`queue()` shows a client its own requests, and of others only how many are ahead", async () => {
  await using waiting = await Waiting.start();
  await waiting.wait("ada", 1);
  await waiting.wait("bob", 2);
  await waiting.wait("ada", 4);
  const seen = await (await waiting.client("bob")).queue();
  assertEquals(seen.waiting.map(({ place, client }) => [place, client]), [[2, "bob"]]);
  assertEquals([seen.more, JSON.stringify(seen).includes("ada")], [0, false]);
  const empty = { nowMs: waiting.clock.nowMs, waiting: [], more: 0 };
  assertEquals(await waiting.test.client.queue(), empty);
});

Deno.test("`queue()` lists the classes that the configuration names, the highest priority first", async () => {
  await using waiting = await Waiting.start({ classes: { urgent: { priority: 5 } } });
  await waiting.client("eve", { class: "urgent" });
  await waiting.wait("ada", 1);
  await waiting.wait("eve", 1);
  await waiting.wait("ada", 2);
  const { waiting: list } = await waiting.test.operator.queue();
  assertEquals(list.map(({ place, client, class: inClass }) => [place, client, inClass]), [
    [1, "eve", "urgent"],
    [2, "ada", "default"],
    [3, "ada", "default"],
  ]);
});

Deno.test("a standby forwards `GET /v1/queue` to the leader", async () => {
  await using waiting = await Waiting.start();
  const { url, operator } = waiting.test;
  await waiting.wait("ada", 1);
  using standby = new Standby({
    ownUrl: "http://127.0.0.1:1",
    bodyLimits: { bytes: 100, timeoutMs: 1000 },
  });
  standby.observe({ number: 1, holder: crypto.randomUUID(), url, sinceMs: 1, before: null });
  const headers = { authorization: `Bearer ${waiting.test.token("operator")}` };
  const response = await standby.handler(new Request("http://standby/v1/queue", { headers }));
  const forwarded = await response.json();
  assertEquals(forwarded.waiting.length, 1);
  assertEquals(forwarded, { ...await operator.queue() });
});

Deno.test("`listWaiting()` lists as many requests as a page has, and counts the others that the token may see", () => {
  const request = { workers: 1, memoryBytes: 1 };
  const reason = { code: "untried", message: "" } as const;
  const inClass = new Classes().of({});
  const queue = Array.from({ length: 2 * (MAX_PAGE_ENTRIES + 3) }, (_, at) => {
    const client = at % 2 === 0 ? "ada" : "bob";
    return { client, payer: client, class: inClass, request, sinceMs: 1, untilMs: 2, reason };
  });
  const options = { nowMs: 5, withClass: false };
  const own = listWaiting(queue, { role: "client", name: "bob" }, options);
  assertEquals([own.waiting.length, own.more, own.nowMs], [MAX_PAGE_ENTRIES, 3, 5]);
  assertEquals(own.waiting.at(-1)!.place, 2 * MAX_PAGE_ENTRIES);
  const all = listWaiting(queue, { role: "operator", name: "bob" }, options);
  assertEquals([all.waiting.length, all.more], [MAX_PAGE_ENTRIES, MAX_PAGE_ENTRIES + 6]);
});

Deno.test("a request waits since its nodes drain or are lost", async () => {
  await using waiting = await Waiting.start();
  const { test, clock } = waiting;
  await test.register("lost");
  clock.nowMs += 60_000;
  for (const name of ["a", "b"]) {
    const { node } = await test.register(name);
    await test.operator.drainNode(node, { graceMs: 0 });
  }
  await waiting.wait("ada", 1);
  assertEquals(await waiting.reason(), {
    code: "no-nodes",
    message: "no node is up: 2 drain, 1 is lost",
    nodes: { ...NONE, draining: 2, lost: 1 },
  });
});

Deno.test("a request waits for cores, for memory, or for nodes other than those that its client avoids", async () => {
  await using waiting = await Waiting.start();
  const { test } = waiting;
  await test.register("cores", { cores: 1 });
  await test.register("memory", { cores: 9, memoryBytes: MIB });
  const avoided = await test.register("avoided", { cores: 9 });
  const drained = await test.register("drained", { cores: 9 });
  await test.operator.drainNode(drained.node, { graceMs: 0 });
  await waiting.wait("ada", 2, { memoryBytes: 3 * MIB, avoid: [avoided.node] });
  assertEquals(await waiting.reason(), {
    code: "full",
    message: `no node has 2 free cores and ${3 * MIB} free bytes, nor have all nodes together, ` +
      "apart from 1 that the client avoids, 1 that drains",
    nodes: { ...NONE, lacksCores: 1, lacksMemory: 1, avoided: 1, draining: 1 },
  });
});

Deno.test("a request that is larger than all nodes together waits, and the reason states it", async () => {
  await using waiting = await Waiting.start();
  for (const name of ["a", "b"]) await waiting.test.register(name);
  await waiting.hold(1);
  await waiting.wait("ada", 9);
  const message = `no node has 9 free cores and ${9 * MIB} free bytes, nor have all nodes together`;
  const nodes = { ...NONE, lacksCores: 2 };
  const without = `${message}, even without other leases`;
  assertEquals(await waiting.reason(), { code: "too-large", message: without, nodes });
  await waiting.test.register("c", { cores: 1 });
  const full = { code: "full", message, nodes: { ...NONE, lacksCores: 3 } };
  await until(async () => (await waiting.reason()).code === "full", () => "it was tried again");
  assertEquals(await waiting.reason(), full as Awaited<ReturnType<typeof waiting.reason>>);
});

Deno.test("a request waits since the only free node is reserved for one before it", async () => {
  await using waiting = await Waiting.start();
  const { test } = waiting;
  await test.register("n");
  await waiting.hold(1);
  await waiting.wait("ada", 4);
  for (let i = 0; i < MAX_PASSED; i++) await test.client.releaseLease(await waiting.hold(1));
  await waiting.wait("bob", 1);
  const { waiting: [first, second] } = await test.operator.queue();
  assertEquals([first!.reason.code, first!.reason.nodes], ["full", { ...NONE, lacksCores: 1 }]);
  assertEquals(second!.reason, {
    code: "full",
    message: `no node has 1 free cores and ${MIB} free bytes, ` +
      "apart from 1 reserved for a request before it",
    nodes: { ...NONE, reserved: 1 },
  });
});

Deno.test("a request behind one that does not fit has no reason of an earlier round", async () => {
  await using waiting = await Waiting.start();
  const { test } = waiting;
  await waiting.wait("ada", 5);
  assertEquals((await waiting.reason()).code, "no-nodes");
  // Smaller than the first, so it was tried, and its client takes its turn before the next one of ada.
  await waiting.wait("ada", 4);
  await test.register("n", { cores: 2 });
  const codes = async () => {
    const { waiting: list } = await test.operator.queue();
    return list.map(({ workers, reason }) => `${workers} ${reason.code}`).join();
  };
  await until(async () => await codes() === "5 too-large,4 too-large", () => "both were tried");
  await waiting.wait("bob", 3);
  // Now a smaller one is before the second of ada, which is not tried any more.
  await until(async () => await codes() === "5 too-large,3 too-large,4 behind", () => "two were");
});
