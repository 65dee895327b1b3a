/** Where a standby sends the requests of clients, and with them their tokens. */
import { assertEquals } from "@std/assert";
import { HOLD_MS } from "../../../manager/resource/policy.ts";
import { Standby } from "../../../manager/resource/standby.ts";
import { FORWARDED_HEADER } from "../../../runtime/http/leader_headers.ts";
import type { TermRow } from "../../../manager/resource/store/etcd/term.ts";
import { until } from "../../support/waiting.ts";
import { hasOpenssl, makeCertificate } from "../../support/manager/certificate.ts";
import { withFolder } from "../../support/processes/resource_manager_process.ts";

const openssl = await hasOpenssl();
const bodyLimits = { bytes: 100, timeoutMs: 1000 };

const termOf = (url: string | null): TermRow => ({
  number: 1,
  holder: crypto.randomUUID(),
  url,
  sinceMs: 1,
  before: null,
});
const requested = () =>
  new Request("http://standby/v1/leases?limit=2", { headers: { authorization: "Bearer t" } });

/** A leader that answers with the token and the path that it received. */
function leaderAt(hostname: string, tls: { cert: string; key: string } | object = {}) {
  return Deno.serve({ hostname, port: 0, onListen() {}, ...tls }, ({ url, headers }) => {
    const { pathname, search } = new URL(url);
    return Response.json([headers.get("authorization"), pathname + search]);
  });
}

for (
  const [ownUrl, leader, isSent] of [
    ["http://10.0.0.2:7400", "http://10.0.0.1:1", true],
    ["https://10.0.0.2:7400", "http://10.0.0.1:1", false],
    ["https://10.0.0.2:7400", "http://127.0.0.1:1", true],
    ["http://10.0.0.2:7400", "ftp://10.0.0.1:1", false],
    ["http://10.0.0.2:7400", "unix:/run/manager.sock", false],
    ["http://10.0.0.2:7400", "http://u@10.0.0.1:1", false],
    ["http://10.0.0.2:7400", "http://127.0.0.1:1,http://127.0.0.1:2", false],
    [undefined, "http://10.0.0.1:1", false],
  ] as const
) {
  const sends = isSent ? "sends" : "does not send";
  Deno.test(`a standby at ${ownUrl} ${sends} requests to a leader at ${leader}`, async () => {
    using standby = new Standby({ ownUrl, bodyLimits });
    standby.observe(termOf(leader));
    const response = standby.handler(requested());
    if (isSent) {
      await new Promise((resolve) => setTimeout(resolve));
      standby[Symbol.dispose](); // without waiting for a host that may not exist
    }
    const { error } = await (await response).json();
    const state = isSent ? `${leader} leads, and does not respond` : `${leader} leads`;
    assertEquals([error.code, error.message], ["not-leader", `Cannot serve request: ${state}`]);
  });
}

Deno.test("a standby does not forward what another one has forwarded", async () => {
  await using leader = leaderAt("127.0.0.1");
  using standby = new Standby({ ownUrl: "http://127.0.0.1:1", bodyLimits });
  standby.observe(termOf(`http://127.0.0.1:${leader.addr.port}`));
  const request = requested();
  assertEquals(await (await standby.handler(request)).json(), ["Bearer t", "/v1/leases?limit=2"]);
  request.headers.set(FORWARDED_HEADER, "1");
  const refused = await standby.handler(request);
  assertEquals([refused.status, (await refused.json()).error.code], [503, "not-leader"]);
});

Deno.test({
  name: `a standby forwards over TLS to a leader that it trusts, and to no other${
    openssl ? "" : " (needs openssl)"
  }`,
  ignore: !openssl,
  fn: () =>
    withFolder(async (folder) => {
      const files = await makeCertificate(folder);
      const cert = await Deno.readTextFile(files.certFile);
      const key = await Deno.readTextFile(files.keyFile);
      await using leader = leaderAt("127.0.0.1", { cert, key });
      const url = `https://127.0.0.1:${leader.addr.port}`;
      using trusts = new Standby({ ownUrl: "https://10.0.0.2:1", caCert: cert, bodyLimits });
      trusts.observe(termOf(url));
      const response = await trusts.handler(requested());
      assertEquals(await response.json(), ["Bearer t", "/v1/leases?limit=2"]);
      assertEquals(response.headers.get("rfaas-leader"), url);
      using other = new Standby({ ownUrl: "https://10.0.0.2:1", bodyLimits });
      other.observe(termOf(url));
      const refused = await other.handler(requested());
      assertEquals((await refused.json()).error.code, "not-leader");
    }),
});

Deno.test("a standby reports an unknown outcome if the leader ends during a change", async () => {
  const received = Promise.withResolvers<void>();
  const hang = Promise.withResolvers<Response>();
  await using leader = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    received.resolve();
    return hang.promise;
  });
  using standby = new Standby({ ownUrl: undefined, bodyLimits });
  standby.observe(termOf(`http://127.0.0.1:${leader.addr.port}`));
  const codes: string[] = [];
  for (const method of ["POST", "GET"]) {
    const response = standby.handler(
      new Request("http://standby/v1/leases", method === "GET" ? {} : { method, body: "{}" }),
    );
    if (method === "POST") {
      await received.promise;
      standby.observe(termOf("http://127.0.0.1:1"));
    } else standby.end();
    codes.push((await (await response).json()).error.code);
  }
  hang.resolve(new Response());
  assertEquals(codes, ["outcome-unknown", "not-leader"]);
});

/** A leader that counts what it received, and responds with a status and a body. */
function countingLeader(status: number, body: unknown) {
  const received: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    received.push(await request.text());
    return Response.json(body, { status });
  });
  return {
    received,
    term: termOf(`http://127.0.0.1:${server.addr.port}`),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const change = (signal?: AbortSignal) =>
  new Request("http://standby/v1/leases", { method: "POST", body: "{}", signal: signal ?? null });

for (const code of ["not-leader", "closing"]) {
  Deno.test(`a standby sends a request that an old leader refuses with ${code} to the next one`, async () => {
    await using old = countingLeader(503, { error: { code, message: "" } });
    await using next = countingLeader(200, { leases: [] });
    using standby = new Standby({ ownUrl: undefined, bodyLimits });
    standby.observe(old.term);
    // Not a change, whose outcome is unknown if the next leader is observed before the refusal arrives.
    const response = standby.handler(requested());
    await until(() => old.received.length > 0, () => "the old leader has refused");
    standby.observe(next.term);
    assertEquals([(await response).status, next.received], [200, [""]]);
  });
}

Deno.test("a standby sends nothing more to a leader that has ended its term, and leaves it what it has", async () => {
  const received = Promise.withResolvers<void>();
  const hang = Promise.withResolvers<Response>();
  let count = 0;
  await using old = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    count++;
    received.resolve();
    return hang.promise;
  });
  await using next = countingLeader(201, { lease: "b" });
  using standby = new Standby({ ownUrl: undefined, bodyLimits });
  standby.observe(termOf(`http://127.0.0.1:${old.addr.port}`));
  const first = standby.handler(change());
  await received.promise;
  standby.ended();
  const later = standby.handler(change());
  hang.resolve(Response.json({ lease: "a" }, { status: 201 }));
  assertEquals(await (await first).json(), { lease: "a" });
  const health = await standby.handler(new Request("http://standby/v1/health"));
  assertEquals([(await health.json()).leader, standby.leader], [undefined, undefined]);
  standby.observe(next.term);
  assertEquals(await (await later).json(), { lease: "b" });
  assertEquals([count, next.received], [1, ["{}"]]);
});

Deno.test("a standby sends a request to the next leader that has waited at the last one for longer than it keeps one", async () => {
  const received = Promise.withResolvers<void>();
  const hang = Promise.withResolvers<Response>();
  await using old = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    received.resolve();
    return hang.promise;
  });
  await using next = countingLeader(200, { events: [] });
  using standby = new Standby({ ownUrl: undefined, bodyLimits });
  standby.observe(termOf(`http://127.0.0.1:${old.addr.port}`));
  const response = standby.handler(requested());
  await received.promise;
  const { now } = performance;
  performance.now = () => now.call(performance) + 2 * HOLD_MS;
  try {
    standby.observe(next.term);
    assertEquals([(await response).status, next.received], [200, [""]]);
  } finally {
    performance.now = now;
    hang.resolve(new Response());
  }
});

Deno.test("a standby keeps a request while no resource manager leads, and sends it once", async () => {
  await using leader = countingLeader(201, { lease: "a" });
  using standby = new Standby({ ownUrl: undefined, bodyLimits });
  const gone = new AbortController();
  const responses = [change(), change(), change(gone.signal)].map(standby.handler);
  gone.abort();
  assertEquals((await responses[2]!).status, 503, "its client has gone");
  standby.observe(leader.term);
  assertEquals([(await responses[0]!).status, (await responses[1]!).status], [201, 201]);
  assertEquals(leader.received, ["{}", "{}"]);
});

Deno.test("a standby that takes the term responds itself to the requests that it has kept", async () => {
  using standby = new Standby({ ownUrl: undefined, bodyLimits });
  const early = standby.handler(change());
  standby.observe(termOf("http://127.0.0.1:1"));
  standby.prepare();
  // Another standby has observed the new leader before that has read its rows.
  const forwarded = change();
  forwarded.headers.set(FORWARDED_HEADER, "1");
  const late = standby.handler(forwarded);
  standby.lead(async (request) => Response.json(await request.json(), { status: 201 }));
  for (const response of [await early, await late]) {
    assertEquals([response.status, await response.json()], [201, {}]);
  }
});

Deno.test("a standby refuses what it has kept for longer than an election takes, or at its end", async () => {
  using standby = new Standby({ ownUrl: undefined, bodyLimits });
  const codeOf = async (response: Response) => (await response.json()).error.code;
  assertEquals(await codeOf(await standby.handler(change())), "not-leader");
  const kept = standby.handler(change());
  standby.end();
  assertEquals(await codeOf(await kept), "not-leader");
});
