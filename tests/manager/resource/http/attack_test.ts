/** Attacks on the process of a resource manager over HTTP. docs/security.md has the threats. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { LeaseOverError } from "../../../../runtime/errors.ts";
import { CLAIM_WITHIN_MS } from "../../../../runtime/grant/claim_time.ts";
import { type BeatingNode, beatingNode } from "../../../support/processes/beating_node.ts";
import { until, within } from "../../../support/waiting.ts";
import {
  ResourceManagerProcess,
  withFolder,
} from "../../../support/processes/resource_manager_process.ts";
import { lastingMs } from "../../../support/time_factor.ts";

const node = {
  name: "under-attack",
  cores: 64,
  memoryBytes: 2 ** 34,
  addresses: ["shm:a"],
  bootId: "b",
};
const small = { workers: 1, memoryBytes: 2 ** 20, termMs: 60_000 };
const text = (bytes: string) => new TextEncoder().encode(bytes);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs an attack against a process with one node, and checks that it serves as before. */
function attack(
  name: string,
  use: (manager: ResourceManagerProcess, node: BeatingNode) => Promise<void>,
): void {
  Deno.test(name, () =>
    withFolder(async (folder) => {
      await using manager = await ResourceManagerProcess.start(`${folder}/state`);
      using nodes = manager.as("node");
      {
        using beating = await beatingNode(nodes, node);
        await use(manager, beating);
      }
      const { epoch } = await nodes.registerNode(node);
      assertEquals(epoch, 2, "an attacker registered the node");
      using client = manager.as("client");
      await client.releaseLease((await client.takeLease(small)).lease);
      assert(!/rfaas_(client|node|operator)_/.test(manager.log), "a token is in the log");
    }));
}

async function post(
  manager: ResourceManagerProcess,
  path: string,
  body: string,
  token = manager.token("client"),
) {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(manager.url + path, { method: "POST", headers, body });
  return { status: response.status, json: await response.json() };
}

/** Sends bytes on a new connection, and returns the first response. Closes its end after `waitMs`. */
async function sendRaw(manager: ResourceManagerProcess, bytes: string | Uint8Array, waitMs = 2000) {
  using connection = await manager.dial();
  const data = typeof bytes === "string" ? text(bytes) : bytes;
  await connection.write(data).catch(() => 0); // the server may have closed it
  const timer = setTimeout(() => connection.closeWrite().catch(() => {}), lastingMs(waitMs));
  const buffer = new Uint8Array(4096);
  const length = await connection.read(buffer).catch(() => null) ?? 0;
  clearTimeout(timer);
  return new TextDecoder().decode(buffer.subarray(0, length));
}

attack("guessed and foreign lease ids reveal nothing and change nothing", async (manager, node) => {
  using operator = manager.as("operator");
  const { token } = await operator.createToken({ role: "client", name: "mallory" });
  using mallory = manager.as("client", token);
  using ada = manager.as("client");
  const { lease, expiresMs } = await ada.takeLease(small);
  await node.claim(lease);
  const messages = new Set<string>();
  const guesses = [
    lease,
    ...Array.from({ length: 50 }, () => crypto.getRandomValues(new Uint8Array(16)).toHex()),
    ...["0".repeat(32), lease.slice(1), lease.toUpperCase(), "%00", "' OR 1=1 --", "💥"],
  ];
  for (const guess of guesses) {
    for (
      const work of [
        () => mallory.renewLease(guess, { termMs: 1_000 }),
        () => mallory.releaseLease(guess),
      ]
    ) {
      const error = await assertRejects(work, LeaseOverError);
      messages.add(error.message.replace(/".*"/, "ID"));
    }
  }
  assertEquals(messages, new Set(["Cannot find lease: ID is unknown"]));
  assertEquals((await mallory.leases()).leases, []);
  const { leases: [own] } = await ada.leases();
  assertEquals([own?.lease, own?.expiresMs], [lease, expiresMs]);
  await ada.releaseLease(lease);
  await ada.releaseLease(lease); // a release may be repeated
  await assertRejects(() => ada.renewLease(lease, { termMs: 1_000 }), LeaseOverError);
});

attack(
  "numbers out of range and malformed bodies are refused with the field",
  async (manager) => {
    const wrong = ["2147483648", "4294967297", "-1", "0.5", "1e308", "1e999", '"1"', "null", "[1]"];
    const good = { workers: "1", memoryBytes: "1", termMs: "1000" };
    for (const field of Object.keys(good)) {
      const values = field === "memoryBytes" ? wrong.slice(2) : [...wrong, "0"];
      for (const value of [...values, "9007199254740993", "true", "{}"]) {
        const fields = Object.entries({ ...good, [field]: value });
        const body = `{${fields.map(([key, text]) => `"${key}":${text}`).join()}}`;
        const { status, json } = await post(manager, "/v1/leases", body);
        assertEquals([status, json.error.code], [400, "bad-request"], body);
        assert(json.error.message.includes(`field ${field}`), json.error.message);
      }
    }
    const odd = [
      '{"__proto__":{"workers":1,"memoryBytes":1,"termMs":1000}}',
      '{"workers":NaN,"memoryBytes":1,"termMs":1000}',
      '{"workers":1,"memoryBytes":1,"termMs":1000,"workers":2000}',
      '{"a":'.repeat(50_000),
      "[".repeat(500_000),
      `"${"x".repeat(1_000_000)}"`,
      "\u0000",
      "\ufeff{}",
    ];
    for (const body of odd) {
      const { status } = await post(manager, "/v1/leases", body);
      assertEquals(status, 400, body.slice(0, 60));
    }
  },
);

attack("a thousand lease requests of one client leave capacity for others", async (manager) => {
  using operator = manager.as("operator");
  const quota = { leases: 10, workers: 20 };
  const { token } = await operator.createToken({ role: "client", name: "greedy", quota });
  using greedy = manager.as("client", token);
  using other = manager.as("client");
  const request = { ...small, workers: 2 };
  const startMs = performance.now();
  const flood = Promise.allSettled(Array.from({ length: 1000 }, () => greedy.takeLease(request)));
  const { lease } = await other.takeLease(request);
  const reasons = (await flood).map((one) => one.status === "fulfilled" ? "" : one.reason.reason);
  // On a busy host the flood lasts until the first leases lapse, since no node admits them.
  const rounds = 1 + Math.floor((performance.now() - startMs) / CLAIM_WITHIN_MS);
  const granted = reasons.filter((reason) => reason === "").length;
  assert(granted >= 10 && granted <= 10 * rounds, `${granted} granted in ${rounds} rounds`);
  assertEquals(new Set(reasons).difference(new Set(["", "quota", "busy"])), new Set());
  await other.releaseLease(lease);
});

attack(
  "many silent connections and incomplete requests do not block others, and leave nothing behind",
  async (manager) => {
    using client = manager.as("client");
    await client.nodes();
    const before = manager.descriptors();
    const authorization = `authorization: Bearer ${manager.token("client")}`;
    const beginnings = [
      "",
      "GET",
      "GET /v1/health HTTP/1.1\r\nhost: x\r\n",
      `POST /v1/leases HTTP/1.1\r\nhost: x\r\n${authorization}\r\ncontent-length: 100\r\n\r\n{`,
      `POST /v1/leases HTTP/1.1\r\nhost: x\r\n${authorization}\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{`,
    ];
    const crowd = await Promise.all(
      Array.from({ length: 200 }, async (_, at) => {
        const connection = await manager.dial();
        await connection.write(text(beginnings[at % beginnings.length]!));
        return connection;
      }),
    );
    for (let i = 0; i < 20; i++) await client.nodes();
    await client.releaseLease((await client.takeLease(small)).lease);
    for (const connection of crowd) connection.close();
    await manager.settlesTo(before + 2);
  },
);

Deno.test("more connections than the limit of open files do not block others", () =>
  withFolder(async (folder) => {
    const openFiles = 200;
    await using manager = await ResourceManagerProcess.start(`${folder}/state`, { openFiles });
    using client = manager.as("client");
    await client.nodes();
    const dials = Array.from(
      { length: 2 * openFiles },
      () => manager.dial().catch(() => undefined),
    );
    // If the server accepted no more, the kernel would soon refuse connections too.
    const crowd = await within(10_000, "the connections", Promise.all(dials));
    let closed = 0;
    for (const connection of crowd) {
      connection?.read(new Uint8Array(1)).catch(() => null).finally(() => closed++);
    }
    try {
      await until(() => closed >= openFiles / 10, () => `${closed} were closed`);
      // Its idle connection may be closed for one of the crowd at the moment of a request.
      const isServed = () => client.nodes().then(() => true, () => false);
      await until(isServed, () => "the client is not served", 20_000);
      assert(manager.log.includes(`may open ${openFiles} files`), manager.log);
    } finally {
      for (const connection of crowd) connection?.close();
    }
    const newClientIsServed = async () => {
      using late = manager.as("client");
      return await late.nodes().then(() => true, () => false);
    };
    await until(newClientIsServed, () => "a new client is not served", 20_000);
  }));

attack(
  "bytes that are not HTTP and ambiguous requests are refused or dropped",
  async (manager) => {
    const token = manager.token("client");
    const head = `host: x\r\nauthorization: Bearer ${token}\r\n`;
    const body = JSON.stringify(small);
    const bad = [
      "\r\n\r\n\r\n",
      "\0".repeat(1000),
      crypto.getRandomValues(new Uint8Array(5000)),
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // a TLS ClientHello
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0",
      "GET /v1/leases HTTP/9.9\r\n\r\n",
      "GET  /v1/leases HTTP/1.1\r\n\r\n",
      `GET /v1/leases\u0000 HTTP/1.1\r\n${head}\r\n`,
      `POST /v1/leases HTTP/1.1\r\n${head}content-length: -1\r\n\r\n${body}`,
      `POST /v1/leases HTTP/1.1\r\n${head}content-length: 5\r\ncontent-length: 6\r\n\r\n${body}`,
      `POST /v1/leases HTTP/1.1\r\n${head}content-length: 99999999999999999999\r\n\r\n${body}`,
      `POST /v1/leases HTTP/1.1\r\n${head}transfer-encoding: chunked\r\n\r\nzz\r\n${body}\r\n0\r\n\r\n`,
      `POST /v1/leases HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\u0001\r\ncontent-length: 2\r\n\r\n{}`,
    ];
    for (const bytes of bad) {
      const response = await sendRaw(manager, bytes);
      assert(!/^HTTP\/1\.1 2/.test(response), `${JSON.stringify(bytes.slice(0, 80))}: ${response}`);
    }
    // Both kinds of length: the bytes after the body by one of them must not become a request.
    const smuggled = `DELETE /v1/leases/${"0".repeat(32)} HTTP/1.1\r\n${head}\r\n`;
    const both = `POST /v1/leases HTTP/1.1\r\n${head}content-length: ${
      smuggled.length + 5
    }\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`;
    const response = await sendRaw(manager, both);
    assert(
      (response.match(/HTTP\/1\.1 /g) ?? []).length <= 1 || !response.includes("204"),
      response,
    );
    using client = manager.as("client");
    assertEquals((await client.leases()).leases, [], "a lease was granted");
  },
);

attack("endless bodies are cut off and do not consume memory", async (manager) => {
  const token = manager.token("client");
  const before = manager.residentBytes();
  const head = `POST /v1/leases HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n`;
  const chunk = new Uint8Array(65_536).fill(0x20);
  const endless = 64 * 2 ** 20;
  const flood = async () => {
    using connection = await manager.dial();
    await connection.write(text(`${head}transfer-encoding: chunked\r\n\r\n`));
    let sent = 0;
    const send = async () => {
      while (sent < endless) {
        await connection.write(text("10000\r\n"));
        for (let at = 0; at < chunk.length;) at += await connection.write(chunk.subarray(at));
        await connection.write(text("\r\n"));
        sent += chunk.length;
      }
    };
    const sending = send().catch(() => {}); // the server closes it
    let before: number;
    do {
      before = sent;
      await pause(lastingMs(500));
    } while (sent > before);
    const buffer = new Uint8Array(100);
    const length = await connection.read(buffer).catch(() => null) ?? 0;
    connection.close();
    await sending;
    return { sent, response: new TextDecoder().decode(buffer.subarray(0, length)) };
  };
  for (const { sent, response } of await Promise.all(Array.from({ length: 20 }, flood))) {
    assert(sent < endless / 2, `${sent} bytes were accepted`);
    // On a busy host a body that is too long is also too slow.
    assert(/^HTTP\/1\.1 4(?:13|08) /.test(response), response);
  }
  const grown = manager.residentBytes() - before;
  assert(grown < 300 * 2 ** 20, `the process grew by ${grown} bytes`);
});

attack(
  "quotes, newlines and escape sequences of names and paths are escaped in the log and in responses",
  async (manager) => {
    using nodes = manager.as("node");
    const hostile = [
      "a\nFAKE 2026-01-01 [INF] all is well",
      "\x1b[31mred\x1b[0m",
      "a\"b'c`d",
      "<script>alert(1)</script>",
      "\u2028\u202e",
      "${jndi:ldap://x}",
      "%s%n{url}",
    ];
    const { token } = await (async () => {
      using operator = manager.as("operator");
      return await operator.createToken({ role: "operator", name: "second" });
    })();
    for (const name of hostile) {
      const bodies: unknown[] = [{ ...node, name }, { ...node, bootId: name }];
      // An address may have any printable character.
      if (/[^\x21-\x7e]/.test(name)) bodies.push({ ...node, addresses: [name] });
      for (const body of bodies) {
        const { status } = await post(
          manager,
          "/v1/nodes",
          JSON.stringify(body),
          manager.token("node"),
        );
        assertEquals(status, 400, name);
      }
      const created = await post(
        manager,
        "/v1/tokens",
        JSON.stringify({ role: "client", name }),
        token,
      );
      assertEquals(created.status, 400, name);
      for (const path of ["leases", "tokens", "nodes", "nothing"]) {
        const response = await fetch(`${manager.url}/v1/${path}/${encodeURIComponent(name)}`, {
          method: "DELETE",
          headers: { authorization: `Bearer ${token}` },
        });
        const type = response.headers.get("content-type");
        const text = await response.text();
        assert(response.status === 204 || type === "application/json", `${type}`);
        // deno-lint-ignore no-control-regex -- the test looks for control characters
        assert(!/[\x00-\x1f\x7f]/.test(text), JSON.stringify(text));
      }
      await assertRejects(() => nodes.heartbeat(name, { epoch: 1, leases: [] }));
    }
    // deno-lint-ignore no-control-regex -- as above
    assert(!/[\x00-\x09\x0b-\x1f\x7f]/.test(manager.log), JSON.stringify(manager.log));
    assert(!/^FAKE|\nFAKE/.test(manager.log), manager.log);
    // A token in place of a name or a path may be in the response, but not in the log.
    await post(manager, `/v1/${token}`, "{}", token);
    await post(
      manager,
      "/v1/tokens",
      JSON.stringify({ role: "client", name: token }),
      manager.token("client"),
    );
  },
);

attack("no body or path causes an internal error", async (manager) => {
  const id = "0".repeat(32);
  const bodies: Record<string, Record<string, unknown>> = {
    "POST /v1/nodes": { ...node, name: "fuzz" },
    [`POST /v1/nodes/${id}/heartbeat`]: { epoch: 1, leases: [{ lease: id, workers: 1 }] },
    [`PUT /v1/nodes/${id}/leases/${id}`]: { epoch: 1, state: "ended", workers: 1, reason: "x" },
    "POST /v1/leases": { ...small, memoryBytes: 2 ** 40 }, // more than any node has
    [`POST /v1/leases/${id}/renew`]: { termMs: 1_000 },
    "POST /v1/tokens": { role: "node", name: "x", quota: { workers: 1 } },
  };
  const roles = ["operator", "node", "client"] as const;
  const tokens = roles.map((role) => manager.token(role));
  const anything = fc.jsonValue({ maxDepth: 3 });
  // Either any JSON value, or a valid body with any JSON value in one field.
  const request = fc.constantFrom(...Object.keys(bodies)).chain((route) =>
    fc.record({
      route: fc.constant(route),
      body: fc.oneof(
        anything,
        fc.tuple(fc.constantFrom(...Object.keys(bodies[route]!)), anything)
          .map(([field, value]): unknown => ({ ...bodies[route], [field]: value })),
      ),
      tail: fc.oneof({ weight: 9, arbitrary: fc.constant("") }, fc.string({ unit: "binary" })),
    })
  );
  await fc.assert(
    fc.asyncProperty(request, async ({ route, body, tail }) => {
      const [method, path] = route.split(" ") as [string, string];
      for (const token of tokens) {
        const response = await fetch(manager.url + path + encodeURIComponent(tail), {
          method,
          headers: { authorization: `Bearer ${token}` },
          body: JSON.stringify(body),
        });
        const text = await response.text();
        assert(response.status < 500, `${response.status}: ${text}`);
        if (response.status >= 400) assertEquals(typeof JSON.parse(text).error.code, "string");
      }
    }),
    { numRuns: 400 },
  );
  assert(!manager.log.includes("failed"), manager.log);
});
