/** What connections to the resource manager may cost before anyone has shown a token. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LeaseRefused } from "../../runtime/errors.ts";
import type { ResourceManagerOptions } from "../../manager/resource/resource_manager.ts";
import { hasOpenssl, makeCertificate } from "../support/certificate.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import type { Role } from "../../manager/resource/store.ts";
import { until, within } from "../support/process_table.ts";
import { TestManager } from "./resource_support.ts";

const noOpenssl = !await hasOpenssl();
const health = "GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n";
const kinds = ["http", "https", "unix"] as const;

/** Starts a manager at an address of one kind, and gives how to connect to it. */
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

/** Sends this, and gives all that comes back until the connection is closed, which is then closed here as well. */
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
    const length = await connection.read(buffer).catch(() => null); // a reset is an end as well
    if (length === null) return text;
    text += decoder.decode(buffer.subarray(0, length), { stream: true });
  }
}

/** The status of the only answer, and the code in its body. */
function refusalIn(answer: string) {
  const [head, body] = answer.split("\r\n\r\n");
  const { code, message } = JSON.parse(body!).error;
  assert(head!.toLowerCase().includes(`content-length: ${body!.length}`), answer);
  assert(message.startsWith("Cannot "), message);
  return [Number(answer.slice(9, 12)), code];
}

for (const kind of kinds) {
  Deno.test({
    name: `over ${kind} what is silent, sends half a head or stays idle is closed in time`,
    ignore: kind === "https" && noOpenssl,
    fn: async () => {
      const connections = { headTimeoutMs: 400, idleTimeoutMs: 300 };
      const { test, as, dial, address } = await start(kind, { connections });
      await using _test = test;
      using client = as("client");
      // One who waits for an answer is neither: it outlasts all of them.
      const asked = { workers: 1, memoryBytes: 0, seconds: 60, waitMs: 3000 };
      const waiting = assertRejects(() => client.takeLease(asked), LeaseRefused, "no node");
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
    name: `over ${kind} the number of connections is bounded, and others are served`,
    ignore: kind === "https" && noOpenssl,
    fn: async () => {
      const { test, as, dial } = await start(kind, { connections: { connections: 10 } });
      await using _test = test;
      using client = as("client");
      using others = as("node");
      const asked = { workers: 1, memoryBytes: 0, seconds: 60, waitMs: 60_000 };
      const taken = client.takeLease(asked);
      const crowd: Deno.Conn[] = [];
      let closed = 0;
      try {
        for (let i = 0; i < 40; i++) {
          const connection = await dial();
          crowd.push(connection);
          readAll(connection).then(() => closed++);
          if (i % 10 === 9) await others.health();
        }
        // The one who waits has a place, and the one who asked last.
        await until(() => closed >= 32, () => `${closed} were closed`);
        await others.registerNode(node);
        await taken;
      } finally {
        for (const connection of crowd) connection.close();
      }
    },
  });
}

const node = { name: "a", cores: 1, memoryBytes: 0, addresses: ["shm:a"], bootId: "b" };

Deno.test("one who comes when all connections have a request under way is turned away", async () => {
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
    const answer = await untilClosed(connection, "too short"); // its head was taken, and is answered
    assertEquals(answer.slice(9, 12), "400");
  }
  assertEquals((await untilClosed(await dial(), health)).slice(9, 12), "200");
});

Deno.test("one who does not read its answers is cut off", async () => {
  const connections = { answerReadMs: 200 };
  const many = 500;
  const { test, dial } = await start("http", { connections, unauthenticatedPerSecond: many });
  await using _test = test;
  const connection = await dial();
  const asked = health.replace("health", "openapi.json").repeat(many);
  await connection.write(new TextEncoder().encode(asked));
  await until(() => test.client.nodes().then(() => true), () => "it does not serve");
  await new Promise((resolve) => setTimeout(resolve, 1500)); // not to read is what is tested
  const answers = await untilClosed(connection, "");
  assert(!answers.endsWith("}}") || answers.split("HTTP/1.1 200").length - 1 < many, "all came");
});

Deno.test("what is no request is answered in the form of all errors", async () => {
  const { test, dial } = await start("http", { connections: { idleTimeoutMs: 100 } });
  await using _test = test;
  const ask = async (bytes: string) => refusalIn(await untilClosed(await dial(), bytes));
  assertEquals(await ask("nonsense\r\n\r\n"), [400, "bad-request"]);
  assertEquals(await ask(`GET /v1/health HTTP/1.1\r\nhost: x\r\na: ${"b".repeat(16_400)}`), [
    431,
    "too-large",
  ]);
  assertEquals(await ask("GET /v1/health HTTP/1.1\r\n\r\n"), [400, "bad-request"]); // no host
  const lines = "host: x\r\n" + "a: b\r\n".repeat(100);
  assertEquals(await ask(`GET /v1/health HTTP/1.1\r\n${lines}\r\n`), [431, "too-large"]);
});
