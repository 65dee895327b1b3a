import { assert, assertEquals, assertRejects } from "@std/assert";
import { UnauthorizedError } from "../../../../runtime/errors.ts";
import type { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { TestManager } from "../../../support/manager/test_manager.ts";

const lease = "0".repeat(32);
const leaseRequest = JSON.stringify({ workers: 1, memoryBytes: 0, termMs: 1_000 });

/** Sends one request on a connection of its own. */
async function send(
  test: TestManager,
  method: string,
  path: string,
  init: { token?: string; body?: BodyInit } = {},
) {
  using client = Deno.createHttpClient({});
  const response = await fetch(test.url + path, {
    method,
    headers: init.token === undefined ? {} : { authorization: `Bearer ${init.token}` },
    body: init.body ?? null,
    client,
  });
  const text = await response.text();
  const error = text === "" ? undefined : JSON.parse(text).error;
  return { status: response.status, code: error?.code, headers: response.headers, text };
}

Deno.test("`GET /v1/health` needs no token", async () => {
  await using test = await TestManager.start();
  const response = await send(test, "GET", "/v1/health");
  assertEquals([response.status, JSON.parse(response.text).ok], [200, true]);
});

Deno.test("a request without a known token gets 401", async () => {
  await using test = await TestManager.start();
  const token = test.token("client");
  const tokens = [undefined, "", "x", token.slice(0, -1), token + "A", token.toUpperCase()];
  for (const wrong of tokens) {
    const response = await send(test, "POST", "/v1/leases", {
      ...(wrong === undefined ? {} : { token: wrong }),
      body: leaseRequest,
    });
    assertEquals([response.status, response.code], [401, "unauthorized"]);
    assertEquals(response.headers.get("www-authenticate"), "Bearer");
    assert(!response.text.includes("rfaas_"));
  }
});

Deno.test("a token of another role gets 403", async () => {
  await using test = await TestManager.start();
  const node = { name: "a", cores: 1, memoryBytes: 0, addresses: ["shm:a"], bootId: "b" };
  const heartbeat = { epoch: 1, leases: [] };
  const report = { epoch: 1, state: "claimed", workers: 1 } as const;
  const wrong: ((of: TestManager) => [ManagerClient[], (as: ManagerClient) => Promise<unknown>])[] =
    [
      (t) => [[t.client, t.operator], (as) => as.registerNode(node)],
      (t) => [[t.client, t.operator], (as) => as.heartbeat(lease, heartbeat)],
      (t) => [[t.client, t.operator], (as) => as.reportLease(lease, lease, report)],
      (t) => [[t.client], (as) => as.removeNode(lease)],
      (t) => [[t.node], (as) => as.leases()],
      (
        t,
      ) => [
        [t.node, t.operator],
        (as) => as.takeLease({ workers: 1, memoryBytes: 0, termMs: 1_000 }),
      ],
      (t) => [[t.node, t.operator], (as) => as.renewLease(lease, { termMs: 1_000 })],
      (t) => [[t.node], (as) => as.releaseLease(lease)],
    ];
  for (const each of wrong) {
    const [callers, act] = each(test);
    for (const caller of callers) {
      await assertRejects(() => act(caller), UnauthorizedError, "this needs the role");
    }
  }
});

Deno.test("a body that does not match the schema gets 400", async () => {
  await using test = await TestManager.start();
  const token = test.token("client");
  const bodies = ["", "{", "null", "[]", '"x"', "{}", "[".repeat(100_000), '{"workers":1e999}'];
  for (const body of [...bodies, new Uint8Array([0x22, 0xff, 0x22])]) {
    const response = await send(test, "POST", "/v1/leases", { token, body });
    assertEquals([response.status, response.code], [400, "bad-request"]);
    assert(response.text.length < 500);
  }
});

Deno.test("a body longer than 1 MiB gets 413, with and without a known length", async () => {
  await using test = await TestManager.start();
  const token = test.token("client");
  const bytes = new Uint8Array(1024 * 1024 + 1).fill(0x20);
  const known = await send(test, "POST", "/v1/leases", { token, body: bytes });
  assertEquals([known.status, known.code], [413, "too-large"]);
  const chunked = new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 65536) {
        controller.enqueue(bytes.slice(at, at + 65536));
      }
      controller.close();
    },
  });
  const unknown = await send(test, "POST", "/v1/leases", { token, body: chunked });
  assertEquals([unknown.status, unknown.code], [413, "too-large"]);
  assertEquals((await send(test, "GET", "/v1/health")).status, 200);
});

Deno.test("a body that does not arrive in time gets 408", async () => {
  await using test = await TestManager.start({ bodyTimeoutMs: 100 });
  const { hostname, port } = new URL(test.url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const head = `POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n` +
    `authorization: Bearer ${test.token("client")}\r\n\r\n{"workers":`;
  await connection.write(new TextEncoder().encode(head));
  const buffer = new Uint8Array(4096);
  const length = await connection.read(buffer) ?? 0;
  const response = new TextDecoder().decode(buffer.subarray(0, length));
  assert(response.startsWith("HTTP/1.1 408 "), response);
  assertEquals((await send(test, "GET", "/v1/health")).status, 200);
});

Deno.test("an unknown path gets 404, an unknown method 405", async () => {
  await using test = await TestManager.start();
  const token = test.token("client");
  for (const path of ["/", "/v1", "/v2/leases", "/v1/leases/a/b/c", "/v1/%22%0a%1b"]) {
    const response = await send(test, "GET", path, { token });
    assertEquals([response.status, response.code], [404, "not-found"]);
  }
  const wrong = [
    ["POST", "/v1/health", "GET"],
    ["DELETE", "/v1/nodes", "GET, POST"],
    ["PATCH", "/v1/leases", "GET, POST"],
    ["GET", `/v1/leases/${lease}`, "DELETE"],
    ["GET", `/v1/leases/${lease}/renew`, "POST"],
    ["GET", `/v1/nodes/${lease}`, "DELETE"],
    ["GET", `/v1/nodes/${lease}/heartbeat`, "POST"],
    ["POST", `/v1/nodes/${lease}/leases/${lease}`, "PUT"],
  ] as const;
  for (const [method, path, allowed] of wrong) {
    const response = await send(test, method, path, { token });
    assertEquals([response.status, response.code], [405, "bad-method"]);
    assertEquals(response.headers.get("allow"), allowed);
  }
});
