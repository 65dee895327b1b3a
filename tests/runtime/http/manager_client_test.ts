import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  LeaseOver,
  LeaseRefused,
  ManagerUnreachable,
  Unauthorized,
} from "../../../runtime/errors.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { limitMs } from "../../support/time_factor.ts";
import { ManagerRefused } from "../../../runtime/http/manager_refused.ts";

const token = "rfaas_client_secret";
const asked = { workers: 1, memoryBytes: 0, seconds: 1 };

/** A server that gives one answer to everything. */
function answering(handler: Deno.ServeHandler) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  const url = `http://127.0.0.1:${server.addr.port}`;
  return { url, [Symbol.asyncDispose]: () => server.shutdown() };
}

const refusal = (status: number, code: string) => () =>
  Response.json({ error: { code, message: `Cannot do it: ${code}` } }, { status });

Deno.test("`ManagerClient` refuses urls and tokens that can't be", () => {
  for (const url of ["", "x", "ftp://x", "unix:relative", "unix:"]) {
    assertThrows(() => new ManagerClient({ url, token }), TypeError, "Cannot use manager url");
  }
  const url = "http://127.0.0.1:1";
  const error = assertThrows(() => new ManagerClient({ url, token: "a\nb" }), TypeError);
  assert(!error.message.includes("a\nb"));
  using shown = new ManagerClient({ url: "http://user:pass@127.0.0.1:1/", token });
  assertEquals(shown.url, "http://127.0.0.1:1");
});

Deno.test("`takeLease()` throws ManagerUnreachable when nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${listener.addr.port}`;
  listener.close();
  for (const address of [url, "unix:/nonexistent/rfaas.sock"]) {
    using client = new ManagerClient({ url: address, token });
    const error = await assertRejects(() => client.takeLease(asked), ManagerUnreachable, address);
    assert(error.cause instanceof Error);
    assert(!Deno.inspect(error).includes("secret"));
  }
});

Deno.test("`takeLease()` throws ManagerUnreachable when no answer comes in time", async () => {
  const stop = Promise.withResolvers<Response>();
  await using server = answering(() => stop.promise);
  using client = new ManagerClient({ url: server.url, token, timeoutMs: 50 });
  await assertRejects(() => client.takeLease(asked), ManagerUnreachable, "within 50 ms");
  const body = new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode("{")) });
  await using dripping = answering(() => new Response(body));
  using second = new ManagerClient({ url: dripping.url, token, timeoutMs: 50 });
  await assertRejects(() => second.takeLease(asked), ManagerUnreachable, "within 50 ms");
  stop.resolve(new Response());
});

Deno.test("`takeLease()` throws the reason when its signal fires", async () => {
  const stop = Promise.withResolvers<Response>();
  await using server = answering(() => stop.promise);
  using client = new ManagerClient({ url: server.url, token });
  const reason = new Error("changed my mind");
  const early = await assertRejects(() => client.takeLease(asked, AbortSignal.abort(reason)));
  assertEquals(early, reason);
  const controller = new AbortController();
  const pending = client.takeLease(asked, controller.signal);
  controller.abort(reason);
  assertEquals(await assertRejects(() => pending), reason);
  stop.resolve(new Response());
});

Deno.test("`takeLease()` throws ManagerUnreachable when the answer makes no sense", async () => {
  const answers = [
    () => new Response("<html>"),
    () => Response.json(null),
    () => Response.json({ lease: "x" }),
    () => Response.json({ lease: "0".repeat(32), nowMs: 1, expiresMs: 2, grants: [] }),
    () => new Response("no", { status: 404 }),
    () => new Response("no", { status: 502 }),
    () => Response.json({ error: { code: "internal", message: "x" } }, { status: 500 }),
  ];
  for (const answer of answers) {
    await using server = answering(answer);
    using client = new ManagerClient({ url: server.url, token });
    await assertRejects(() => client.takeLease(asked), ManagerUnreachable, server.url);
  }
});

Deno.test("`ManagerClient` tells refusals apart", async () => {
  for (const status of [401, 403]) {
    await using server = answering(refusal(status, "forbidden"));
    using client = new ManagerClient({ url: server.url, token });
    await assertRejects(() => client.takeLease(asked), Unauthorized, "Cannot do it");
  }
  await using full = answering(refusal(409, "full"));
  using first = new ManagerClient({ url: full.url, token });
  const refused = await assertRejects(() => first.takeLease(asked), LeaseRefused);
  assertEquals(refused.reason, "full");
  const again = await assertRejects(
    () => first.heartbeat("0", { epoch: 1, leases: [] }),
    ManagerRefused,
  );
  assertEquals([again.status, again.code], [409, "full"]);
  for (const status of [404, 410]) {
    await using server = answering(refusal(status, "over"));
    using client = new ManagerClient({ url: server.url, token });
    await assertRejects(() => client.renewLease("0", { seconds: 1 }), LeaseOver);
    await assertRejects(() => client.endLease("0"), LeaseOver);
  }
});

Deno.test("`close()` may be called twice, and then nothing is sent", async () => {
  await using server = answering(() => Response.json({ ok: true, version: "1" }));
  const client = new ManagerClient({ url: server.url, token });
  assertEquals(await client.health(), { ok: true, version: "1" });
  client.close();
  client.close();
  await assertRejects(() => client.health(), ManagerUnreachable, "this client is closed");
});

Deno.test("`ManagerClient` sends its token, and names in paths are escaped", async () => {
  const seen: string[] = [];
  await using server = answering((request) => {
    seen.push(`${new URL(request.url).pathname} ${request.headers.get("authorization")}`);
    return new Response(null, { status: 204 });
  });
  using client = new ManagerClient({ url: server.url + "/base/", token });
  await client.endLease("a/b?c");
  assertEquals(seen, [`/base/v1/leases/a%2Fb%3Fc Bearer ${token}`]);
});

Deno.test("`ManagerClient` does not carry its token to where a redirect points", async () => {
  let hits = 0;
  await using elsewhere = answering(() => Response.json({ ok: true, version: `${++hits}` }));
  await using server = answering(() => Response.redirect(elsewhere.url, 307));
  using client = new ManagerClient({ url: server.url, token });
  await assertRejects(() => client.health(), ManagerUnreachable, server.url);
  assertEquals(hits, 0);
});

Deno.test("`ManagerClient` asks again when it is told to, within its time and no sooner", async () => {
  const askedAtMs: number[] = [];
  const answers = [429, 429, 200];
  await using server = answering(() => {
    const status = answers[askedAtMs.push(performance.now()) - 1] ?? 429;
    if (status === 200) return Response.json({ nowMs: 1, nodes: [] });
    const error = { code: "too-many-requests", message: "Cannot accept request: too many" };
    return Response.json({ error }, { status, headers: { "retry-after": "1" } });
  });
  using patient = new ManagerClient({ url: server.url, token, timeoutMs: limitMs(30_000) });
  assertEquals((await patient.nodes()).nodes, []);
  assertEquals(askedAtMs.length, 3);
  for (const i of [1, 2]) assert(askedAtMs[i]! - askedAtMs[i - 1]! >= 990, `${askedAtMs}`);

  using hasty = new ManagerClient({ url: server.url, token, timeoutMs: 900 });
  const refused = await assertRejects(() => hasty.takeLease(asked), LeaseRefused, "too many");
  assertEquals([refused.reason, askedAtMs.length], ["too-many-requests", 4]);

  const reason = new Error("changed my mind");
  const giveUp = new AbortController();
  const waiting = patient.nodes(giveUp.signal);
  while (askedAtMs.length < 5) await new Promise((resolve) => setTimeout(resolve, 5));
  giveUp.abort(reason);
  assertEquals(await assertRejects(() => waiting), reason);
  assertEquals(askedAtMs.length, 5);
});
