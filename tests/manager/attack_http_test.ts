/** What a resource manager, as a process, makes of those who attack it over HTTP: THREATS.md, rows 9 to 11, 15 and 16. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { LeaseOver, LeaseRefused } from "../../runtime/errors.ts";
import { until, within } from "../support/process_table.ts";
import { ResourceManagerProcess, withFolder } from "../support/resource_manager_process.ts";
import { limitMs } from "../support/time_factor.ts";

const node = {
  name: "under-attack",
  cores: 64,
  memoryBytes: 2 ** 34,
  addresses: ["shm:a"],
  bootId: "b",
};
const small = { workers: 1, memoryBytes: 2 ** 20, seconds: 60 };
const text = (bytes: string) => new TextEncoder().encode(bytes);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs an attack against a process with one node, and sees that it serves afterwards as before. */
function attack(
  name: string,
  use: (manager: ResourceManagerProcess, folder: string) => Promise<void>,
): void {
  Deno.test(name, () =>
    withFolder(async (folder) => {
      await using manager = await ResourceManagerProcess.start(`${folder}/state`);
      using nodes = manager.as("node");
      await nodes.registerNode(node);
      await use(manager, folder);
      const { epoch } = await nodes.registerNode(node);
      assertEquals(epoch, 2, "the node was registered by someone else");
      using client = manager.as("client");
      await client.endLease((await client.takeLease(small)).lease);
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
  const answer = await response.json();
  return { status: response.status, answer };
}

/** Sends bytes on a connection of their own and gives what comes back until it closes, or `waitMs` have passed. */
async function sendRaw(manager: ResourceManagerProcess, bytes: string | Uint8Array, waitMs = 2000) {
  using connection = await manager.dial();
  const data = typeof bytes === "string" ? text(bytes) : bytes;
  await connection.write(data).catch(() => 0); // it may have been closed already
  const timer = setTimeout(() => connection.closeWrite().catch(() => {}), limitMs(waitMs));
  const buffer = new Uint8Array(4096);
  const length = await connection.read(buffer).catch(() => null) ?? 0;
  clearTimeout(timer);
  return new TextDecoder().decode(buffer.subarray(0, length));
}

attack("guessed and foreign lease ids tell nothing and change nothing", async (manager) => {
  using operator = manager.as("operator");
  const { token } = await operator.createToken({ role: "client", name: "mallory" });
  using mallory = manager.as("client", token);
  using ada = manager.as("client");
  const { lease, expiresMs } = await ada.takeLease(small);
  const messages = new Set<string>();
  const guesses = [
    lease,
    ...Array.from({ length: 50 }, () => crypto.getRandomValues(new Uint8Array(16)).toHex()),
    ...["0".repeat(32), lease.slice(1), lease.toUpperCase(), "%00", "' OR 1=1 --", "💥"],
  ];
  for (const guess of guesses) {
    for (
      const work of [() => mallory.renewLease(guess, { seconds: 1 }), () => mallory.endLease(guess)]
    ) {
      const error = await assertRejects(work, LeaseOver);
      messages.add(error.message.replace(/".*"/, "ID"));
    }
  }
  assertEquals(messages, new Set(["Cannot find lease: ID is not known"]));
  assertEquals((await mallory.leases()).leases, []);
  const { leases: [mine] } = await ada.leases();
  assertEquals([mine?.lease, mine?.expiresMs], [lease, expiresMs]);
  await ada.endLease(lease);
  await ada.endLease(lease); // ending is idempotent
  await assertRejects(() => ada.renewLease(lease, { seconds: 1 }), LeaseOver);
});

attack(
  "numbers out of range and bodies of other forms are refused, each with its field",
  async (manager) => {
    const wrong = ["2147483648", "4294967297", "-1", "0.5", "1e308", "1e999", '"1"', "null", "[1]"];
    const good = { workers: "1", memoryBytes: "1", seconds: "1" };
    for (const field of Object.keys(good)) {
      const values = field === "memoryBytes" ? wrong.slice(2) : [...wrong, "0"];
      for (const value of [...values, "9007199254740993", "true", "{}"]) {
        const fields = Object.entries({ ...good, [field]: value });
        const body = `{${fields.map(([key, text]) => `"${key}":${text}`).join()}}`;
        const { status, answer } = await post(manager, "/v1/leases", body);
        assertEquals([status, answer.error.code], [400, "bad-request"], body);
        assert(answer.error.message.includes(`field ${field}`), answer.error.message);
      }
    }
    const odd = [
      '{"__proto__":{"workers":1,"memoryBytes":1,"seconds":1}}',
      '{"workers":NaN,"memoryBytes":1,"seconds":1}',
      '{"workers":1,"memoryBytes":1,"seconds":1,"workers":2000}',
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

attack("a thousand leases asked for by one client leave room for others", async (manager) => {
  using operator = manager.as("operator");
  const quota = { leases: 10, workers: 20 };
  const { token } = await operator.createToken({ role: "client", name: "greedy", quota });
  using greedy = manager.as("client", token);
  using other = manager.as("client");
  const asked = { ...small, workers: 2 };
  const flood = Promise.allSettled(Array.from({ length: 1000 }, () => greedy.takeLease(asked)));
  const { lease } = await other.takeLease(asked);
  const answers = await flood;
  assertEquals(answers.filter(({ status }) => status === "fulfilled").length, 10);
  const reasons = answers.flatMap((one) => one.status === "rejected" ? [one.reason] : []);
  assert(reasons.every((reason) => reason instanceof LeaseRefused && reason.reason === "quota"));
  await other.endLease(lease);
});

attack(
  "a crowd of half-open and silent connections keeps nobody out and leaves nothing",
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
    await client.endLease((await client.takeLease(small)).lease);
    for (const connection of crowd) connection.close();
    await manager.settlesTo(before + 2);
  },
);

Deno.test("a burst of more connections than it may have open files keeps nobody out", () =>
  withFolder(async (folder) => {
    const openFiles = 200;
    await using manager = await ResourceManagerProcess.start(`${folder}/state`, { openFiles });
    using client = manager.as("client");
    await client.nodes();
    const dials = Array.from(
      { length: 2 * openFiles },
      () => manager.dial().catch(() => undefined),
    );
    // Where nothing is accepted any more, the kernel soon takes none either.
    const crowd = await within(10_000, "a crowd", Promise.all(dials));
    let closed = 0;
    for (const connection of crowd) {
      connection?.read(new Uint8Array(1)).catch(() => null).finally(() => closed++);
    }
    try {
      await until(() => closed >= openFiles / 10, () => `${closed} were closed`);
      // Its idle connection may be closed for one of the crowd just when it asks.
      const asks = () => client.nodes().then(() => true, () => false);
      await until(asks, () => "it was not served");
      assert(manager.log.includes(`${openFiles} files may be open`), manager.log);
    } finally {
      for (const connection of crowd) connection?.close();
    }
    const comes = async () => {
      using late = manager.as("client");
      return await late.nodes().then(() => true, () => false);
    };
    await until(comes, () => "a newcomer is not served");
  }));

attack(
  "bytes that are no HTTP, and requests that say two things, are refused or dropped",
  async (manager) => {
    const token = manager.token("client");
    const head = `host: x\r\nauthorization: Bearer ${token}\r\n`;
    const body = JSON.stringify(small);
    const bad = [
      "\r\n\r\n\r\n",
      "\0".repeat(1000),
      crypto.getRandomValues(new Uint8Array(5000)),
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // a TLS hello
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
      const answer = await sendRaw(manager, bytes);
      assert(!/^HTTP\/1\.1 2/.test(answer), `${JSON.stringify(bytes.slice(0, 80))}: ${answer}`);
    }
    // Both lengths given: what follows the body by one of them must not be taken for a request.
    const smuggled = `DELETE /v1/leases/${"0".repeat(32)} HTTP/1.1\r\n${head}\r\n`;
    const both = `POST /v1/leases HTTP/1.1\r\n${head}content-length: ${
      smuggled.length + 5
    }\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`;
    const answer = await sendRaw(manager, both);
    assert((answer.match(/HTTP\/1\.1 /g) ?? []).length <= 1 || !answer.includes("204"), answer);
    using client = manager.as("client");
    assertEquals((await client.leases()).leases, [], "a lease was given");
  },
);

attack("bodies without end are cut off and take no memory", async (manager) => {
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
    const sending = send().catch(() => {}); // it was closed
    let before: number;
    do {
      before = sent;
      await pause(limitMs(500));
    } while (sent > before);
    const buffer = new Uint8Array(100);
    const length = await connection.read(buffer).catch(() => null) ?? 0;
    connection.close();
    await sending;
    return { sent, answer: new TextDecoder().decode(buffer.subarray(0, length)) };
  };
  for (const { sent, answer } of await Promise.all(Array.from({ length: 20 }, flood))) {
    assert(sent < endless / 2, `${sent} bytes were taken`);
    assert(answer.startsWith("HTTP/1.1 413 "), answer);
  }
  const grown = manager.residentBytes() - before;
  assert(grown < 300 * 2 ** 20, `it grew by ${grown} bytes`);
});

attack(
  "names and paths with quotes, newlines and escape sequences reach no log and no answer raw",
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
      // An address may hold all that is printable.
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
        const answer = await response.text();
        assert(response.status === 204 || type === "application/json", `${type}`);
        // deno-lint-ignore no-control-regex -- control characters are what must not be there
        assert(!/[\x00-\x1f\x7f]/.test(answer), JSON.stringify(answer));
      }
      await assertRejects(() => nodes.heartbeat(name, { epoch: 1, leases: [] }));
    }
    // deno-lint-ignore no-control-regex -- as above
    assert(!/[\x00-\x09\x0b-\x1f\x7f]/.test(manager.log), JSON.stringify(manager.log));
    assert(!/^FAKE|\nFAKE/.test(manager.log), manager.log);
    // A token where a name or a path belongs is told to the one who sent it, and to nobody else.
    await post(manager, `/v1/${token}`, "{}", token);
    await post(
      manager,
      "/v1/tokens",
      JSON.stringify({ role: "client", name: token }),
      manager.token("client"),
    );
  },
);

attack("no body and no path whatever makes it fail", async (manager) => {
  const id = "0".repeat(32);
  const bodies: Record<string, Record<string, unknown>> = {
    "POST /v1/nodes": { ...node, name: "fuzz" },
    [`POST /v1/nodes/${id}/heartbeat`]: { epoch: 1, leases: [{ lease: id, workers: 1 }] },
    [`PUT /v1/nodes/${id}/leases/${id}`]: { epoch: 1, state: "ended", workers: 1, reason: "x" },
    "POST /v1/leases": { ...small, memoryBytes: 2 ** 40 }, // more than there is
    [`POST /v1/leases/${id}/renew`]: { seconds: 1 },
    "POST /v1/tokens": { role: "node", name: "x", quota: { workers: 1 } },
  };
  const roles = ["operator", "node", "client"] as const;
  const tokens = roles.map((role) => manager.token(role));
  const anything = fc.jsonValue({ maxDepth: 3 });
  // A good body of which one field holds anything, or anything at all.
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
