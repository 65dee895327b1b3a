import { assert, assertEquals, assertRejects } from "@std/assert";
import { Live } from "../../../../manager/resource/ui/live.ts";
import { openBooks } from "../../../../manager/resource/books/open_books.ts";
import { RequestGate } from "../../../../manager/resource/http/request_gate.ts";
import { createRouter } from "../../../../manager/resource/http/router.ts";
import {
  BODY_TIMEOUT_MS,
  GATE_PER_TURN,
  LOST_AFTER_MS,
  MAX_BODY_BYTES,
} from "../../../../manager/resource/policy.ts";
import { RefusalError } from "../../../../manager/resource/refusal.ts";
import { SqliteStore } from "../../../../manager/resource/store/sqlite/sqlite_store.ts";
import { testLogger } from "../../../support/manager/book_context.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";

Deno.test("`enter()` admits a few requests in each turn, in their order, and refuses too many", async () => {
  using gate = new RequestGate(2 * GATE_PER_TURN);
  const passed: number[] = [];
  const waits = Array.from(
    { length: 3 * GATE_PER_TURN },
    (_, at) => gate.enter().then(() => void passed.push(at)),
  );
  const refused = await assertRejects(() => gate.enter(), RefusalError);
  assertEquals([refused.status, refused.code, refused.retryAfterSeconds], [429, "busy", 1]);
  assertEquals(passed.length, GATE_PER_TURN);
  await Promise.all(waits);
  assertEquals(passed, Array.from({ length: 3 * GATE_PER_TURN }, (_, at) => at));
  await gate.enter();
});

Deno.test("`enter()` admits as much as fits into a turn, and nothing passes what waits", async () => {
  using gate = new RequestGate(10);
  const passed: string[] = [];
  const enter = (name: string, cost: number) => gate.enter(cost).then(() => void passed.push(name));
  const all = [
    enter("a", GATE_PER_TURN - 1),
    enter("large", GATE_PER_TURN),
    enter("b", 1),
    enter("c", 1),
  ];
  await all[0];
  assertEquals(passed, ["a"]);
  await all[1];
  assertEquals(passed, ["a", "large"]);
  await Promise.all(all);
  assertEquals(passed, ["a", "large", "b", "c"]);
});

Deno.test("a heartbeat, a renewal and a release overtake a thousand requests for leases", async () => {
  const stateDir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const store = new SqliteStore(`${stateDir}/state.sqlite`);
  try {
    const { read: clock } = new FakeClock();
    const books = await openBooks(store, stateDir, { clock }, testLogger(), () => LOST_AFTER_MS);
    using gate = new RequestGate(2000);
    const router = createRouter({
      ...books,
      gate,
      leads: () => true,
      live: new Live({ ...books, store, log: testLogger() }),
      watch: { stoodStill: false },
      state: { assertKept: () => {} },
      log: testLogger(),
      version: "0",
      bodyLimits: { bytes: MAX_BODY_BYTES, timeoutMs: BODY_TIMEOUT_MS },
      unauthenticatedPerSecond: 1,
    });
    const token = (role: "node" | "client") => Deno.readTextFileSync(books.tokenFiles[role]).trim();
    const send = async (role: "node" | "client", method: string, path: string, body?: unknown) => {
      const request = new Request(`http://localhost${path}`, {
        method,
        headers: { authorization: `Bearer ${token(role)}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const response = await router.fetch(request);
      assert(response.ok, await response.clone().text());
      return response;
    };
    const { node } = await books.nodes.register({
      name: "a",
      cores: 2000,
      memoryBytes: 2 ** 30,
      addresses: ["shm:a"],
      bootId: "b",
    });
    const request = { workers: 1, memoryBytes: 1, termMs: 60_000 };
    const take = () => send("client", "POST", "/v1/leases", request);
    const [first, second] = [await take(), await take()];
    const { lease: renewed } = await first.json();
    const { lease: released } = await second.json();
    let answered = 0;
    const taking = Array.from({ length: 1000 }, async () => {
      await take();
      answered++;
    });
    await Promise.all([
      send("node", "POST", `/v1/nodes/${node}/heartbeat`, { epoch: 1, leases: [] }),
      send("client", "POST", `/v1/leases/${renewed}/renew`, { termMs: 90_000 }),
      send("client", "DELETE", `/v1/leases/${released}`),
    ]);
    assert(answered <= 5 * GATE_PER_TURN, `${answered} requests for leases were answered before`);
    await Promise.all(taking);
    await books.stopWaiting();
  } finally {
    await store.close();
    await Deno.remove(stateDir, { recursive: true });
  }
});

Deno.test("a client that is refused since too many wait is served by its next attempt", async () => {
  await using test = await TestManager.start({ maxRequestsAtOnce: 500 });
  await test.register("a", { cores: 600 });
  const request = { workers: 1, memoryBytes: 1, termMs: 60_000 };
  await Promise.all(Array.from({ length: 200 }, () => test.client.takeLease(request)));
});

Deno.test("a gate that is disposed of refuses the requests that wait, and later ones at once", async () => {
  const gate = new RequestGate(10);
  await gate.enter(GATE_PER_TURN);
  const waiting = gate.enter();
  waiting.catch(() => {});
  gate[Symbol.dispose]();
  for (const refused of [() => waiting, () => gate.enter(), () => gate.enter(GATE_PER_TURN)]) {
    const { status, code } = await assertRejects(refused, RefusalError);
    assertEquals([status, code], [503, "closing"]);
  }
});
