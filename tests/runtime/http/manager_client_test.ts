/** The client of the HTTP interface against servers that misbehave. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  LeaseOverError,
  LeaseRefusedError,
  ManagerUnreachableError,
  UnauthorizedError,
} from "../../../runtime/errors.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { hasOpenssl, makeCertificate } from "../../support/manager/certificate.ts";
import { limitMs } from "../../support/time_factor.ts";
import { ManagerRefusedError } from "../../../runtime/http/manager_refused.ts";
import { freePorts } from "../../support/free_ports.ts";

const token = "rfaas_client_secret";
const request = { workers: 1, memoryBytes: 0, termMs: 1_000 };

/** A server with one handler for all requests. */
function serve(handler: Deno.ServeHandler) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  const url = `http://127.0.0.1:${server.addr.port}`;
  return { url, [Symbol.asyncDispose]: () => server.shutdown() };
}

const refusal = (status: number, code: string) => () =>
  Response.json({ error: { code, message: `Cannot do it: ${code}` } }, { status });

Deno.test("`ManagerClient` refuses urls and tokens that are not valid", () => {
  for (const url of ["", "x", "ftp://x", "unix:relative", "unix:"]) {
    assertThrows(() => new ManagerClient({ url, token }), TypeError, "Cannot use manager url");
  }
  const url = "http://127.0.0.1:1";
  const error = assertThrows(() => new ManagerClient({ url, token: "a\nb" }), TypeError);
  assert(!error.message.includes("a\nb"));
  using shown = new ManagerClient({ url: "http://user:pass@127.0.0.1:1/", token });
  assertEquals(shown.url, "http://127.0.0.1:1");
});

Deno.test("`takeLease()` throws ManagerUnreachableError without a listener", async () => {
  const url = `http://127.0.0.1:${freePorts(1)[0]}`;
  for (const address of [url, "unix:/nonexistent/rfaas.sock"]) {
    using client = new ManagerClient({ url: address, token });
    const error = await assertRejects(
      () => client.takeLease(request),
      ManagerUnreachableError,
      address,
    );
    assert(error.cause instanceof Error);
    assert(!Deno.inspect(error).includes("secret"));
  }
});

Deno.test("`takeLease()` throws ManagerUnreachableError without a response in time", async () => {
  const stop = Promise.withResolvers<Response>();
  await using server = serve(() => stop.promise);
  using client = new ManagerClient({ url: server.url, token, timeoutMs: 50 });
  await assertRejects(() => client.takeLease(request), ManagerUnreachableError, "within 50 ms");
  const body = new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode("{")) });
  await using dripping = serve(() => new Response(body));
  using second = new ManagerClient({ url: dripping.url, token, timeoutMs: 50 });
  await assertRejects(() => second.takeLease(request), ManagerUnreachableError, "within 50 ms");
  stop.resolve(new Response());
});

Deno.test("`takeLease()` rejects with the signal's reason", async () => {
  const stop = Promise.withResolvers<Response>();
  await using server = serve(() => stop.promise);
  using client = new ManagerClient({ url: server.url, token });
  const reason = new Error("given up");
  const early = await assertRejects(() => client.takeLease(request, AbortSignal.abort(reason)));
  assertEquals(early, reason);
  const controller = new AbortController();
  const pending = client.takeLease(request, controller.signal);
  controller.abort(reason);
  assertEquals(await assertRejects(() => pending), reason);
  stop.resolve(new Response());
});

Deno.test("`takeLease()` throws ManagerUnreachableError when the response is not valid", async () => {
  const handlers = [
    () => new Response("<html>"),
    () => Response.json(null),
    () => Response.json({ lease: "x" }),
    () => Response.json({ lease: "0".repeat(32), nowMs: 1, expiresMs: 2, grants: [] }),
    () => new Response("no", { status: 404 }),
    () => new Response("no", { status: 502 }),
    () => Response.json({ error: { code: "internal", message: "x" } }, { status: 500 }),
  ];
  for (const handler of handlers) {
    await using server = serve(handler);
    using client = new ManagerClient({ url: server.url, token });
    await assertRejects(() => client.takeLease(request), ManagerUnreachableError, server.url);
  }
});

Deno.test("`ManagerClient` throws an error class for each kind of refusal", async () => {
  for (const status of [401, 403]) {
    await using server = serve(refusal(status, "forbidden"));
    using client = new ManagerClient({ url: server.url, token });
    await assertRejects(() => client.takeLease(request), UnauthorizedError, "Cannot do it");
  }
  await using full = serve(refusal(409, "full"));
  using first = new ManagerClient({ url: full.url, token });
  const refused = await assertRejects(() => first.takeLease(request), LeaseRefusedError);
  assertEquals(refused.reason, "full");
  const again = await assertRejects(
    () => first.heartbeat("0", { epoch: 1, leases: [] }),
    ManagerRefusedError,
  );
  assertEquals([again.status, again.code], [409, "full"]);
  for (const status of [404, 410]) {
    await using server = serve(refusal(status, "over"));
    using client = new ManagerClient({ url: server.url, token });
    await assertRejects(() => client.renewLease("0", { termMs: 1_000 }), LeaseOverError);
    await assertRejects(() => client.releaseLease("0"), LeaseOverError);
  }
});

Deno.test("`close()` may be called twice, and no request is sent after it", async () => {
  await using server = serve(() => Response.json({ ok: true, version: "1" }));
  const client = new ManagerClient({ url: server.url, token });
  assertEquals(await client.health(), { ok: true, version: "1" });
  client.close();
  client.close();
  await assertRejects(() => client.health(), ManagerUnreachableError, "this client is closed");
});

Deno.test("`ManagerClient` sends its token and escapes names in paths", async () => {
  const seen: string[] = [];
  await using server = serve((request) => {
    seen.push(`${new URL(request.url).pathname} ${request.headers.get("authorization")}`);
    return new Response(null, { status: 204 });
  });
  using client = new ManagerClient({ url: server.url + "/base/", token });
  await client.releaseLease("a/b?c");
  assertEquals(seen, [`/base/v1/leases/a%2Fb%3Fc Bearer ${token}`]);
});

Deno.test("`ManagerClient` does not send its token to the target of a redirect", async () => {
  let hits = 0;
  await using elsewhere = serve(() => Response.json({ ok: true, version: `${++hits}` }));
  await using server = serve(() => Response.redirect(elsewhere.url, 307));
  using client = new ManagerClient({ url: server.url, token });
  await assertRejects(() => client.health(), ManagerUnreachableError, server.url);
  assertEquals(hits, 0);
});

Deno.test("`ManagerClient` repeats a request after `retry-after`, within the time of the request", async () => {
  const requestedAtMs: number[] = [];
  const statuses = [429, 429, 200];
  await using server = serve(() => {
    const status = statuses[requestedAtMs.push(performance.now()) - 1] ?? 429;
    if (status === 200) return Response.json({ nowMs: 1, nodes: [] });
    const error = { code: "too-many-requests", message: "Cannot accept request: too many" };
    return Response.json({ error }, { status, headers: { "retry-after": "1" } });
  });
  using patient = new ManagerClient({ url: server.url, token, timeoutMs: limitMs(30_000) });
  assertEquals((await patient.nodes()).nodes, []);
  assertEquals(requestedAtMs.length, 3);
  for (const i of [1, 2]) {
    assert(requestedAtMs[i]! - requestedAtMs[i - 1]! >= 990, `${requestedAtMs}`);
  }

  using hasty = new ManagerClient({ url: server.url, token, timeoutMs: 900 });
  const refused = await assertRejects(
    () => hasty.takeLease(request),
    LeaseRefusedError,
    "too many",
  );
  assertEquals([refused.reason, requestedAtMs.length], ["too-many-requests", 4]);

  const reason = new Error("given up");
  const giveUp = new AbortController();
  const waiting = patient.nodes(giveUp.signal);
  while (requestedAtMs.length < 5) await new Promise((resolve) => setTimeout(resolve, 5));
  giveUp.abort(reason);
  assertEquals(await assertRejects(() => waiting), reason);
  assertEquals(requestedAtMs.length, 5);
});

/** The variables that Deno's fetch takes proxies from. */
const PROXY_VARIABLES = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"];

/** Runs a test while variables name a proxy, which counts the connections that it gets and closes them. */
async function withProxy(test: (connections: () => number) => Promise<void>): Promise<void> {
  let connections = 0;
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = (async () => {
    for await (const connection of listener) {
      connections++;
      connection.close();
    }
  })();
  const kept = PROXY_VARIABLES.map((name) => [name, Deno.env.get(name)] as const);
  for (const name of PROXY_VARIABLES) Deno.env.set(name, `http://127.0.0.1:${listener.addr.port}`);
  try {
    await test(() => connections);
  } finally {
    for (const [name, value] of kept) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
    listener.close();
    await accepting;
  }
}

const HEALTH = { ok: true, version: "1" };

Deno.test("`ManagerClient` sends no token to the proxy that the environment names", async () => {
  await withProxy(async (connections) => {
    for (const hostname of ["127.0.0.1", "[::1]", "localhost"]) {
      const bare = hostname === "[::1]" ? "::1" : "127.0.0.1";
      await using server = Deno.serve(
        { port: 0, hostname: bare, onListen() {} },
        () => Response.json(HEALTH),
      );
      using client = new ManagerClient({ url: `http://${hostname}:${server.addr.port}`, token });
      assertEquals(await client.health(), HEALTH, hostname);
    }
    assertEquals(connections(), 0);
  });
});

const openssl = await hasOpenssl();

Deno.test({
  name: `\`ManagerClient\` reaches https on this host directly, and other hosts by the proxy${
    openssl ? "" : " (needs openssl)"
  }`,
  ignore: !openssl,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
    try {
      const files = await makeCertificate(folder);
      const [cert, key] = [files.certFile, files.keyFile].map((file) =>
        Deno.readTextFileSync(file)
      );
      await withProxy(async (connections) => {
        await using server = Deno.serve(
          { port: 0, hostname: "127.0.0.1", cert: cert!, key: key!, onListen() {} },
          () => Response.json(HEALTH),
        );
        const url = `https://127.0.0.1:${server.addr.port}`;
        using client = new ManagerClient({ url, token, caCert: cert! });
        assertEquals(await client.health(), HEALTH);
        assertEquals([connections(), Deno.env.get("NO_PROXY")], [0, undefined]);
        using remote = new ManagerClient({ url: "https://192.0.2.1", token });
        await assertRejects(() => remote.health(), ManagerUnreachableError);
        assert(connections() > 0);
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("`ManagerClient` names the field of an address that is missing or wrong", () => {
  const url = "http://127.0.0.1:1";
  new ManagerClient({ url: new URL(url), token }).close();
  for (
    const [address, words] of [
      [{ token }, "url is missing"],
      [{ url }, "token is missing"],
      [{ url: 5, token }, "expected an address as url, not 5"],
      [{ url, token: null }, "expected a text as token, not null"],
      [{ url, token, caCert: [] }, "expected a text as caCert, not an array"],
      [{ url, token, timeoutMS: 5 }, "there is no option timeoutMS, it is named timeoutMs"],
      [undefined, "expected an object of options, not undefined"],
    ] as const
  ) {
    assertThrows(() => new ManagerClient(address as never), TypeError, words);
  }
  for (const timeoutMs of [0, -1, NaN, "5"]) {
    const address = { url, token, timeoutMs } as never;
    assertThrows(() => new ManagerClient(address), RangeError, "as timeoutMs, not");
  }
});
