/** The limits on connections without a token. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LeaseRefusedError } from "../../../../runtime/errors.ts";
import type { ResourceManagerOptions } from "../../../../manager/resource/resource_manager.ts";
import { hasOpenssl, makeCertificate } from "../../../support/manager/certificate.ts";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import type { Role } from "../../../../manager/resource/store/store.ts";
import { until, within } from "../../../support/waiting.ts";
import { TestManager } from "../../../support/manager/test_manager.ts";

const noOpenssl = !await hasOpenssl();
const health = "GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n";
const kinds = ["http", "https", "unix"] as const;

/** Starts a manager at an address of one kind, and returns functions that connect to it. */
async function start(kind: typeof kinds[number], options: Partial<ResourceManagerOptions>) {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const tls = kind === "https" ? await makeCertificate(dir) : undefined;
  const listen = [kind === "unix" ? `unix:${dir}/socket` : `${kind}://127.0.0.1:0`];
  const test = await TestManager.start({ listen, ...(tls && { tls }), ...options }, dir);
  const address = { hostname: "127.0.0.1", port: Number(URL.parse(test.url)?.port) };
  const dial = (): Promise<Deno.Conn> =>
    kind === "unix"
      ? Deno.connect({ transport: "unix", path: `${dir}/socket` })
      : tls === undefined
      ? Deno.connect(address)
      : Deno.connectTls({ ...address, caCerts: [Deno.readTextFileSync(tls.certFile)] });
  const caCert = tls && { caCert: Deno.readTextFileSync(tls.certFile) };
  const as = (role: Role) =>
    new ManagerClient({ url: test.url, token: test.token(role), ...caCert });
  return { test, as, dial, address };
}

/** Sends bytes, returns all bytes of the response until the server closes the connection, and closes this end. */
async function untilClosed(connection: Deno.Conn, bytes: string): Promise<string> {
  try {
    if (bytes !== "") await connection.write(new TextEncoder().encode(bytes));
    return await within(20_000, "the end of a connection", readAll(connection));
  } finally {
    connection.close();
  }
}

async function readAll(connection: Deno.Conn): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let text = "";
  while (true) {
    const length = await connection.read(buffer).catch(() => null); // a reset ends it as well
    if (length === null) return text;
    text += decoder.decode(buffer.subarray(0, length), { stream: true });
  }
}

/** The status of the only response, and the code in its body. */
function refusalIn(response: string) {
  const [head, body] = response.split("\r\n\r\n");
  const { code, message } = JSON.parse(body!).error;
  assert(head!.toLowerCase().includes(`content-length: ${body!.length}`), response);
  assert(message.startsWith("Cannot "), message);
  return [Number(response.slice(9, 12)), code];
}

for (const kind of kinds) {
  Deno.test({
    name:
      `over ${kind} a connection that is silent, idle or sends an incomplete head is closed in time`,
    ignore: kind === "https" && noOpenssl,
    fn: async () => {
      // A head that is sent at once arrives in time, although this thread may be interrupted: it has both ends.
      const connections = { headTimeoutMs: 1200, idleTimeoutMs: 1100 };
      const { test, as, dial, address } = await start(kind, { connections });
      await using _test = test;
      using client = as("client");
      // A connection that waits for a response is not idle, and outlasts the others.
      const request = { workers: 1, memoryBytes: 0, termMs: 60_000, waitMs: 5000 };
      const waiting = assertRejects(() => client.takeLease(request), LeaseRefusedError, "no node");
      const ends = await Promise.all([
        dial().then((each) => untilClosed(each, "")),
        dial().then((each) => untilClosed(each, "GET /v1/health HTTP/1.1\r\nhost:")),
        dial().then((each) => untilClosed(each, health)),
        dial().then((each) => untilClosed(each, health + "GET ")),
      ]);
      if (kind === "https") {
        assertEquals(await untilClosed(await Deno.connect(address), ""), "", "no TLS hello");
      }
      assertEquals(refusalIn(ends[0]), [408, "too-slow"]);
      assertEquals(refusalIn(ends[1]), [408, "too-slow"]);
      assert(/^HTTP\/1\.1 200 /.test(ends[2]) && ends[2].endsWith('"}'), ends[2]);
      assert(/^HTTP\/1\.1 200 [^]*HTTP\/1\.1 408 /.test(ends[3]), ends[3]);
      await waiting;
      await client.nodes();
    },
  });

  Deno.test({
    name: `over ${kind} the number of connections is bounded, and other clients are served`,
    ignore: kind === "https" && noOpenssl,
    fn: async () => {
      const { test, as, dial } = await start(kind, { connections: { connections: 10 } });
      await using _test = test;
      using client = as("client");
      using others = as("node");
      const request = { workers: 1, memoryBytes: 0, termMs: 60_000, waitMs: 60_000 };
      const granted = client.takeLease(request);
      const crowd: Deno.Conn[] = [];
      let closed = 0;
      try {
        for (let i = 0; i < 40; i++) {
          const connection = await dial();
          crowd.push(connection);
          readAll(connection).then(() => closed++);
          if (i % 10 === 9) await others.health();
        }
        // Two connections stay: the one that waits, and the one with the last request.
        await until(() => closed >= 32, () => `${closed} were closed`);
        await others.registerNode(node);
        await granted;
      } finally {
        for (const connection of crowd) connection.close();
      }
    },
  });
}

const node = { name: "a", cores: 1, memoryBytes: 0, addresses: ["shm:a"], bootId: "b" };

Deno.test("a new connection is closed if all others have a request in flight", async () => {
  const { test, dial } = await start("http", {
    connections: { connections: 2, idleTimeoutMs: 100 },
  });
  await using _test = test;
  const head = `POST /v1/leases HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n` +
    `content-length: 9\r\nauthorization: Bearer ${test.token("client")}\r\n\r\n`;
  const busy = [await dial(), await dial()];
  const buffer = new Uint8Array(1000);
  for (const connection of busy) {
    await connection.write(new TextEncoder().encode(head));
    const length = await connection.read(buffer) ?? 0;
    assertEquals(new TextDecoder().decode(buffer.subarray(0, length)).slice(9, 12), "100");
  }
  for (let i = 0; i < 3; i++) assertEquals(await untilClosed(await dial(), ""), "");
  for (const connection of busy) {
    const response = await untilClosed(connection, "too short"); // its head was accepted, so it gets a response
    assertEquals(response.slice(9, 12), "400");
  }
  assertEquals((await untilClosed(await dial(), health)).slice(9, 12), "200");
});

Deno.test("a client that does not read its responses is cut off", async () => {
  const connections = { responseReadMs: 200 };
  const many = 500;
  const { test, dial } = await start("http", { connections, unauthenticatedPerSecond: many });
  await using _test = test;
  const connection = await dial();
  const request = health.replace("health", "openapi.json").repeat(many);
  await connection.write(new TextEncoder().encode(request));
  await until(() => test.client.nodes().then(() => true), () => "the manager does not serve");
  await new Promise((resolve) => setTimeout(resolve, 1500)); // the test is not to read
  const responses = await untilClosed(connection, "");
  assert(
    !responses.endsWith("}}") || responses.split("HTTP/1.1 200").length - 1 < many,
    "all responses arrived",
  );
});

Deno.test("bytes that are not a request get the error response of all routes", async () => {
  const { test, dial } = await start("http", { connections: { idleTimeoutMs: 100 } });
  await using _test = test;
  const refusal = async (bytes: string) => refusalIn(await untilClosed(await dial(), bytes));
  assertEquals(await refusal("nonsense\r\n\r\n"), [400, "bad-request"]);
  assertEquals(await refusal(`GET /v1/health HTTP/1.1\r\nhost: x\r\na: ${"b".repeat(16_400)}`), [
    431,
    "too-large",
  ]);
  assertEquals(await refusal("GET /v1/health HTTP/1.1\r\n\r\n"), [400, "bad-request"]); // no host
  const lines = "host: x\r\n" + "a: b\r\n".repeat(100);
  assertEquals(await refusal(`GET /v1/health HTTP/1.1\r\n${lines}\r\n`), [431, "too-large"]);
});
