/** The client of the HTTP interface with several resource managers. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { ManagerUnreachableError } from "../../../runtime/errors.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { limitMs } from "../../support/time_factor.ts";
import { freePorts } from "../../support/free_ports.ts";

const token = "rfaas_client_secret";
const request = { workers: 1, memoryBytes: 0, termMs: 1_000 };
const heartbeat = { epoch: 1, leases: [] };
const GRANT = {
  node: "b".repeat(32),
  name: "n",
  addresses: ["shm:n"],
  bootId: "boot",
  workers: 1,
  grant: "g",
};
const LEASE = "a".repeat(32);

/** A resource manager that counts its requests. */
class Manager implements AsyncDisposable {
  readonly requests: string[] = [];
  respond: Deno.ServeHandler;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #ended = new AbortController();

  constructor(respond: Deno.ServeHandler) {
    this.respond = respond;
    const { signal } = this.#ended;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {}, signal },
      async (request, info) => {
        this.requests.push(`${request.method} ${new URL(request.url).pathname}`);
        await request.text();
        return this.respond(request, info);
      },
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#server.finished;
  }
}

function clientOf(managers: readonly { url: string }[], timeoutMs = 5000): ManagerClient {
  return new ManagerClient({ url: managers.map(({ url }) => url).join(), token, timeoutMs });
}

/** Grants leases and answers heartbeats. */
const leads: Deno.ServeHandler = ({ url }) =>
  url.endsWith("/heartbeat")
    ? Response.json({ nowMs: 1, keys: [], end: [], lent: { cores: 1, graceMs: 0, revision: 1 } })
    : Response.json({ lease: LEASE, nowMs: 1, expiresMs: 2, grants: [GRANT] }, { status: 201 });
const refuses = (code: string, leader?: string): Deno.ServeHandler => () =>
  Response.json({ error: { code, message: "Cannot do it", leader } }, { status: 503 });
const standsBy = (leader?: string) => refuses("not-leader", leader);
const hangs: Deno.ServeHandler = () => new Promise<Response>(() => {});

/** An address where no process listens. */
function dead(): { url: string } {
  return { url: `http://127.0.0.1:${freePorts(1)[0]}` };
}

Deno.test("`ManagerClient` follows a standby to the leader that it names, and stays there", async () => {
  await using leader = new Manager(leads);
  await using between = new Manager(leads);
  await using standby = new Manager(standsBy(leader.url));
  using client = clientOf([standby, between, leader]);
  assertEquals(client.url, [standby, between, leader].map(({ url }) => url).join());
  await client.takeLease(request);
  await client.takeLease(request);
  assertEquals(
    [standby, between, leader].map(({ requests }) => requests.length),
    [1, 0, 2],
  );
});

Deno.test("`ManagerClient` sends the next request to the leader that a standby has forwarded to", async () => {
  await using leader = new Manager(leads);
  await using between = new Manager(leads);
  let named = leader.url;
  await using standby = new Manager(async (request, info) => {
    const response = await leads(request, info);
    response.headers.set("rfaas-leader", named);
    return response;
  });
  using client = clientOf([standby, between, leader]);
  await client.takeLease(request);
  await client.takeLease(request);
  named = "http://other.example.org:7400";
  using other = clientOf([standby, between]);
  await other.takeLease(request);
  await other.takeLease(request);
  assertEquals([standby, between, leader].map(({ requests }) => requests.length), [3, 0, 1]);
});

Deno.test("`ManagerClient` repeats a named request at its only standby after an unknown outcome", async () => {
  const outcomes = [refuses("outcome-unknown"), standsBy()];
  await using standby = new Manager((request, info) => (outcomes.shift() ?? leads)(request, info));
  using client = clientOf([standby]);
  await client.takeLease({ ...request, request: LEASE });
  assertEquals(standby.requests.length, 3);
  outcomes.push(refuses("outcome-unknown"));
  await assertRejects(() => client.takeLease(request), ManagerUnreachableError);
  assertEquals(standby.requests.length, 4);
});

Deno.test("`ManagerClient` sends its token to no address that it was not given", async () => {
  await using other = new Manager(leads);
  await using standby = new Manager(standsBy(other.url));
  using client = clientOf([standby, dead()], 300);
  await assertRejects(() => client.takeLease(request), ManagerUnreachableError);
  assertEquals(other.requests, []);
});

Deno.test("`ManagerClient` finds the leader behind one that is gone and one without a name for it", async () => {
  await using leader = new Manager(leads);
  await using standby = new Manager(standsBy());
  using client = clientOf([dead(), standby, leader]);
  await client.takeLease(request);
  assertEquals(leader.requests, ["POST /v1/leases"]);
});

Deno.test("`ManagerClient` waits within the time of a request until one of them leads", async () => {
  await using first = new Manager(standsBy());
  await using second = new Manager(standsBy());
  using client = clientOf([first, second]);
  const leased = client.takeLease(request);
  setTimeout(() => second.respond = leads, 300);
  assertEquals((await leased).lease, LEASE);
});

Deno.test("`ManagerClient` gives up when the time of a request is over and none leads", async () => {
  await using first = new Manager(standsBy());
  await using second = new Manager(refuses("no-store"));
  using client = clientOf([first, second], 300);
  const startedMs = performance.now();
  const error = await assertRejects(() => client.takeLease(request), ManagerUnreachableError);
  assert(error.message.includes("status 503: Cannot do it"), error.message);
  assert(performance.now() - startedMs < limitMs(1000));
});

const REPEATED: Record<string, (client: ManagerClient) => Promise<unknown>> = {
  "a heartbeat": (client) => client.heartbeat("n", heartbeat),
  "a request for a lease with a name": (client) => client.takeLease({ ...request, request: LEASE }),
};
for (const [what, send] of Object.entries(REPEATED)) {
  Deno.test(`\`ManagerClient\` repeats ${what} at another one when a host is silent`, async () => {
    await using silent = new Manager(hangs);
    await using leader = new Manager(leads);
    using client = clientOf([silent, leader], 600);
    await send(client);
    assertEquals([silent.requests.length, leader.requests.length], [1, 1]);
  });
}

Deno.test("`ManagerClient` waits on at another one when the first one ends during the wait", async () => {
  const closes: Deno.ServeHandler = async (request, info) => {
    await new Promise((resolve) => setTimeout(resolve, 400));
    return refuses("closing")(request, info);
  };
  await using first = new Manager(closes);
  await using second = new Manager(leads);
  using client = clientOf([first, second], 200);
  const granted = await client.takeLease({ ...request, request: LEASE, waitMs: 2000 });
  assertEquals([granted.lease, second.requests.length], [LEASE, 1]);
});

for (
  const [what, respond] of [
    ["has no response", hangs],
    ["has an unknown outcome", refuses("outcome-unknown")],
  ] as const
) {
  Deno.test(`\`ManagerClient\` does not repeat a request for a lease that ${what}`, async () => {
    await using first = new Manager(respond);
    await using second = new Manager(leads);
    using client = clientOf([first, second], 300);
    await assertRejects(() => client.takeLease(request), ManagerUnreachableError);
    assertEquals([first.requests.length, second.requests.length], [1, 0]);
  });
}

Deno.test("`ManagerClient` sends the next request to another one after a host was silent", async () => {
  await using silent = new Manager(hangs);
  await using leader = new Manager(leads);
  using client = clientOf([silent, leader], 300);
  await assertRejects(() => client.takeLease(request), ManagerUnreachableError, "within 300 ms");
  assertEquals((await client.takeLease(request)).lease, LEASE);
});
