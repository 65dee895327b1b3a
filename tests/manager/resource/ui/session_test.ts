/** Sessions, one-time links, and the files of the dashboard, without a browser. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { LINK_MS, MAX_SESSIONS_EACH, SESSION_MS } from "../../../../manager/resource/policy.ts";
import { Standby } from "../../../../manager/resource/standby.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";

/** Sends a request. @returns the status, the body and the headers. */
async function send(url: string, method: string, secret = "", body?: unknown) {
  const response = await fetch(url, {
    method,
    redirect: "manual",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json");
  return {
    status: response.status,
    headers: response.headers,
    body: isJson ? JSON.parse(text) : text,
  };
}

Deno.test("a session stands for its token until it ends, its time is over, or the token is revoked", async () => {
  const clock = new FakeClock();
  await using manager = await TestManager.start({ clock: clock.read });
  const { url, operator } = manager;
  const { token } = await operator.createToken({ role: "client", name: "ada" });
  const begin = async (secret = token) => (await send(`${url}/ui/session`, "POST", secret)).body;
  const status = async (session: string) => (await send(`${url}/v1/leases`, "GET", session)).status;

  const first = await begin();
  assertMatch(first.session, /^rfaas_session_[\w-]{43}$/);
  assertEquals([first.role, first.name], ["client", "ada"]);
  assertEquals(await status(first.session), 200);
  assertEquals((await send(`${url}/v1/tokens`, "GET", first.session)).status, 403);
  await send(`${url}/ui/session/end`, "POST", first.session, { session: first.session });
  assertEquals(await status(first.session), 401);

  const second = await begin();
  clock.nowMs += SESSION_MS - 1;
  assertEquals(await status(second.session), 200);
  clock.nowMs += 1;
  assertEquals(await status(second.session), 401);

  const third = await begin();
  const others = await begin(manager.token("operator"));
  for (let i = 0; i < MAX_SESSIONS_EACH; i++) await begin();
  assertEquals(await status(third.session), 401, "the oldest of too many has ended");
  assertEquals(await status(others.session), 200, "that of another token has not");

  const last = await begin();
  await operator.revokeToken("ada");
  assertEquals(await status(last.session), 401);
  assertEquals((await send(`${url}/ui/session`, "POST", manager.token("node"))).status, 403);
  assertEquals((await send(`${url}/ui/session`, "POST", "no-token")).status, 401);
});

Deno.test("a session begins no other session, and creates no link, which would outlast it", async () => {
  await using manager = await TestManager.start();
  for (const role of ["operator", "client"] as const) {
    const begin = (secret: string) => send(`${manager.url}/ui/session`, "POST", secret);
    const { session } = (await begin(manager.token(role))).body;
    for (const path of ["session", "links"]) {
      const { status, body } = await send(`${manager.url}/ui/${path}`, "POST", session);
      assertEquals([status, body.error?.code], [403, "forbidden"], path);
    }
    const { body: { code } } = await send(`${manager.url}/ui/links`, "POST", manager.token(role));
    assertEquals((await send(`${manager.url}/ui/session/link`, "POST", "", { code })).status, 201);
  }
});

Deno.test("a link signs in once, for the token that created it, within an hour", async () => {
  const clock = new FakeClock();
  await using manager = await TestManager.start({ clock: clock.read });
  const create = async () =>
    (await send(`${manager.url}/ui/links`, "POST", manager.token("operator"))).body.code;
  const use = (code: string) => send(`${manager.url}/ui/session/link`, "POST", "", { code });
  const code = await create();
  const { status, body } = await use(code);
  assertEquals([status, body.role], [201, "operator"]);
  assertEquals((await send(`${manager.url}/v1/tokens`, "GET", body.session)).status, 200);
  assertEquals((await use(code)).status, 401);
  assertEquals((await send(`${manager.url}/v1/nodes`, "GET", code)).status, 401);
  const late = await create();
  clock.nowMs += LINK_MS;
  assertEquals((await use(late)).status, 401);
  assertEquals((await send(`${manager.url}/ui/links`, "POST", manager.token("node"))).status, 403);
});

Deno.test("the files of the dashboard come with a strict policy, and name no other host", async () => {
  await using manager = await TestManager.start();
  const moved = await send(`${manager.url}/ui`, "GET");
  assertEquals([moved.status, moved.headers.get("location")], [308, "ui/"]);
  const seen = new Set<string>();
  const visit = async (name: string): Promise<void> => {
    if (seen.has(name)) return;
    seen.add(name);
    const { status, headers, body } = await send(`${manager.url}/ui/${name}`, "GET");
    assertEquals(status, 200, name);
    const policy = headers.get("content-security-policy")!;
    assert(policy.startsWith("default-src 'none'; script-src 'self'; style-src 'self'"), policy);
    assert(!policy.includes("unsafe"), policy);
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    if (!name.endsWith(".svg")) {
      assertEquals(body.match(/https?:\/\/(?!www\.w3\.org\/)[^"' ]+/g), null, name);
    }
    assertEquals(
      /<script(?![^>]* src=)|<style|\son\w+="|\sstyle="/.test(name === "" ? body : ""),
      false,
    );
    for (const [, found] of body.matchAll(/(?:from "\.\/|(?:href|src)=")([\w.]+)"/g)) {
      await visit(found!);
    }
  };
  await visit("");
  assert(seen.size > 10, `only ${[...seen]}`);
  assertEquals((await send(`${manager.url}/ui/none.js`, "GET")).status, 404);
});

Deno.test("a browser receives a file of the dashboard again only if it has changed", async () => {
  await using manager = await TestManager.start();
  for (const name of ["", "app.js"]) {
    const get = async (tags: string) => {
      const headers = { "if-none-match": tags };
      const response = await fetch(`${manager.url}/ui/${name}`, { headers });
      const { length } = await response.text();
      return { status: response.status, hasText: length > 0, headers: response.headers };
    };
    const { status, headers } = await get('"older"');
    const tag = headers.get("etag")!;
    assertEquals([status, tag.length], [200, 24]);
    for (const tags of [tag, `W/${tag}`, `"older", ${tag}`]) {
      const again = await get(tags);
      assertEquals([again.status, again.hasText], [304, false], tags);
      assertEquals(again.headers.get("etag"), tag);
      assertEquals(again.headers.get("cache-control"), "no-cache");
    }
  }
});

Deno.test("a standby leads browsers to the dashboard of the leader", async () => {
  using standby = new Standby({ ownUrl: "http://b:1", bodyLimits: { bytes: 1, timeoutMs: 1 } });
  const page = async () => await standby.handler(new Request("http://b:1/ui/"));
  assertEquals((await page()).status, 503);
  const term = { number: 1, holder: "a", url: "http://a:1", sinceMs: 1, before: null };
  standby.observe(term);
  const redirected = await page();
  assertEquals([redirected.status, redirected.headers.get("location")], [307, "http://a:1/ui/"]);
});
