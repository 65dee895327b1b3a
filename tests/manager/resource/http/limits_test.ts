/** The limits on the time and memory of a resource manager that a client can use. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { RateLimit } from "../../../../manager/resource/rate_limit.ts";
import { RefusalError } from "../../../../manager/resource/refusal.ts";
import { LeaseRefusedError } from "../../../../runtime/errors.ts";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { limitMs } from "../../../support/time_factor.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";

async function get(test: TestManager, path: string, token?: string) {
  const headers: HeadersInit = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(test.url + path, { headers });
  const { error } = await response.json();
  return [response.status, error?.code, response.headers.get("retry-after")];
}

Deno.test("`RateLimit` accepts a burst of one second and its rate over time, no more and no less", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 50 }),
    fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 }),
    (perSecond, pauses) => {
      const bucket = new RateLimit(perSecond, 0);
      let nowMs = 0;
      let passed = 0;
      let waitUntilMs = 0;
      for (const pause of pauses) {
        nowMs += pause;
        try {
          bucket.take(nowMs, "it");
          passed++;
          waitUntilMs = 0;
        } catch (error) {
          if (!(error instanceof RefusalError)) throw error;
          assertEquals(error.status, 429);
          waitUntilMs = nowMs + error.retryAfterSeconds! * 1000;
        }
        assert(passed <= perSecond + nowMs * perSecond / 1000 + 1e-6, `${passed} at ${nowMs} ms`);
      }
      // A retry after the given time is accepted, and after a second a burst of one second.
      if (waitUntilMs > nowMs) bucket.take(nowMs = waitUntilMs, "it");
      nowMs += 1000;
      for (let i = 0; i < perSecond; i++) bucket.take(nowMs, "it");
      assertThrows(() => bucket.take(nowMs, "it"), RefusalError);
    },
  ));
});

Deno.test("a client that exceeds its rate gets 429, and no other client does", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const quota = { requestsPerSecond: 3 };
  const { token } = await test.operator.createToken({ role: "client", name: "hasty", quota });
  for (let i = 0; i < 3; i++) assertEquals((await get(test, "/v1/nodes", token))[0], 200);
  assertEquals(await get(test, "/v1/nodes", token), [429, "too-many-requests", "1"]);
  // Its timeout ends before the second after which it may retry.
  using client = new ManagerClient({ url: test.url, token, timeoutMs: 900 });
  const request = { workers: 1, memoryBytes: 0, termMs: 1_000 };
  const refused = await assertRejects(
    () => client.takeLease(request),
    LeaseRefusedError,
    "client hasty",
  );
  assertEquals(refused.reason, "too-many-requests");
  for (let i = 0; i < 10; i++) await test.client.nodes();
  clock.nowMs += 1000;
  assertEquals((await get(test, "/v1/nodes", token))[0], 200);
});

Deno.test("a node or operator token that exceeds its rate gets 429, and no other token does", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({
    clock: clock.read,
    nodeRequestsPerSecond: 2,
    operatorRequestsPerSecond: 3,
  });
  const { token } = await test.operator.createToken({ role: "node", name: "wild" }); // the first of three requests
  for (const [caller, status] of [[token, 403], [test.token("operator"), 200]] as const) {
    for (let i = 0; i < 2; i++) assertEquals((await get(test, "/v1/tokens", caller))[0], status);
    assertEquals(await get(test, "/v1/tokens", caller), [429, "too-many-requests", "1"]);
  }
  await test.register("a"); // with another token
  clock.nowMs += 1000;
  await test.operator.nodes();
});

Deno.test("requests without a valid token share a limit, which does not affect others", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read, unauthenticatedPerSecond: 5 });
  const tries = [undefined, "x", test.token("client").toUpperCase(), undefined, "rfaas_client_"];
  for (const token of tries) assertEquals((await get(test, "/v1/leases", token))[0], 401);
  for (const path of ["/v1/leases", "/v1/openapi.json"]) {
    assertEquals(await get(test, path), [429, "too-many-requests", "1"]);
  }
  for (let i = 0; i < 20; i++) {
    await test.client.leases();
    assertEquals((await get(test, "/v1/health"))[0], 200); // a probe must not take the manager for dead
  }
  clock.nowMs += 200;
  assertEquals((await get(test, "/v1/openapi.json"))[0], 200);
});

Deno.test("a revoked token counts as no token", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read, unauthenticatedPerSecond: 2 });
  const { token } = await test.operator.createToken({ role: "client", name: "ada" });
  await test.operator.revokeToken("ada");
  const statuses = [];
  for (let i = 0; i < 4; i++) statuses.push((await get(test, "/v1/nodes", token))[0]);
  assertEquals(statuses, [401, 401, 429, 429]);
});

Deno.test("requests beyond the limit of requests in flight get 503", async () => {
  await using test = await TestManager.start({ maxRequestsAtOnce: 3 });
  const { hostname, port } = new URL(test.url);
  const head = `POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n` +
    `authorization: Bearer ${test.token("client")}\r\n\r\n{`;
  const slow: Deno.Conn[] = [];
  try {
    for (let i = 0; i < 3; i++) {
      const connection = await Deno.connect({ hostname, port: Number(port) });
      slow.push(connection);
      await connection.write(new TextEncoder().encode(head));
    }
    // The server reads them in its own time. Then it is full until their connections close.
    await until(async () => (await get(test, "/v1/health"))[0] === 503);
    assertEquals(await get(test, "/v1/health"), [503, "busy", "1"]);
  } finally {
    for (const connection of slow) connection.close();
  }
  await until(async () => (await get(test, "/v1/health"))[0] === 200);
});

Deno.test("a heartbeat, a renewal and a release are served while other requests have all places", async () => {
  await using test = await TestManager.start({ maxRequestsAtOnce: 20 });
  const { node } = await test.register("a");
  const { lease } = await test.client.takeLease({ workers: 1, memoryBytes: 1, termMs: 60_000 });
  const { hostname, port } = new URL(test.url);
  const head = `POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n` +
    `authorization: Bearer ${test.token("client")}\r\n\r\n{`;
  const slow: Deno.Conn[] = [];
  try {
    for (let i = 0; i < 20; i++) {
      const connection = await Deno.connect({ hostname, port: Number(port) });
      slow.push(connection);
      await connection.write(new TextEncoder().encode(head));
    }
    await until(async () => (await get(test, "/v1/health"))[0] === 503);
    await test.node.heartbeat(node, { epoch: 1, leases: [] });
    await test.client.renewLease(lease, { termMs: 60_000 });
    await test.client.releaseLease(lease);
    assertEquals((await get(test, "/v1/health"))[0], 503);
  } finally {
    for (const connection of slow) connection.close();
  }
});

Deno.test("too many or too long headers are refused", async () => {
  await using test = await TestManager.start();
  const { hostname, port } = new URL(test.url);
  for (const header of ["a: " + "x".repeat(1_000_000), "a: b\r\n".repeat(500).trim()]) {
    using connection = await Deno.connect({ hostname, port: Number(port) });
    const text = `GET /v1/health HTTP/1.1\r\nhost: x\r\n${header}\r\n\r\n`;
    // The server may close the connection before all is sent.
    await connection.write(new TextEncoder().encode(text)).catch(() => 0);
    const buffer = new Uint8Array(200);
    const length = await connection.read(buffer).catch(() => null) ?? 0;
    const response = new TextDecoder().decode(buffer.subarray(0, length));
    assert(!response.startsWith("HTTP/1.1 200"), response);
  }
  assertEquals((await get(test, "/v1/health"))[0], 200);
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + limitMs(10_000);
  while (!await holds()) {
    if (performance.now() > endMs) {
      throw new Error("Cannot continue: the condition did not hold in time");
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
