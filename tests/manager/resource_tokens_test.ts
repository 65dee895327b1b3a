import { assert, assertEquals, assertRejects } from "@std/assert";
import { LeaseOver, LeaseRefused, Unauthorized } from "../../runtime/errors.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import type { Quota } from "../../runtime/http/manager_api.ts";
import { ManagerRefused } from "../../runtime/http/manager_refused.ts";
import { TestManager } from "./resource_support.ts";

const small = { workers: 1, memoryBytes: 2 ** 20, seconds: 60 };

async function clientWith(test: TestManager, name: string, quota?: Quota): Promise<ManagerClient> {
  const asked = { role: "client", name, ...(quota === undefined ? {} : { quota }) } as const;
  const { token } = await test.operator.createToken(asked);
  return new ManagerClient({ url: test.url, token });
}

async function refusedCode(work: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => work, ManagerRefused)).code;
}

Deno.test("a token that an operator makes works in its role, and its text is kept nowhere", async () => {
  await using test = await TestManager.start();
  const made = await test.operator.createToken({ role: "node", name: "rack-2" });
  assert(/^rfaas_node_[A-Za-z0-9_-]{43}$/.test(made.token), made.token);
  using node = new ManagerClient({ url: test.url, token: made.token });
  await node.registerNode({
    name: "a",
    cores: 1,
    memoryBytes: 0,
    addresses: ["shm:a"],
    bootId: "b",
  });
  await assertRejects(() => node.nodes(), Unauthorized, "this needs the role");
  for (const { name } of Deno.readDirSync(`${test.dir}/state`)) {
    const text = new TextDecoder().decode(await Deno.readFile(`${test.dir}/state/${name}`));
    assert(!text.includes(made.token), `${name} holds the token`);
  }
  const { tokens } = await test.operator.tokens();
  assertEquals(tokens.map(({ name, role }) => [name, role]), [
    ["client", "client"],
    ["node", "node"],
    ["operator", "operator"],
    ["rack-2", "node"],
  ]);
  assert(!JSON.stringify(tokens).includes("rfaas_"));
});

Deno.test("only operators make, list and revoke tokens", async () => {
  await using test = await TestManager.start();
  for (const caller of [test.node, test.client]) {
    const asked = { role: "operator", name: "me" } as const;
    await assertRejects(() => caller.createToken(asked), Unauthorized, "this needs the role");
    await assertRejects(() => caller.tokens(), Unauthorized, "this needs the role");
    await assertRejects(() => caller.revokeToken("operator"), Unauthorized, "this needs the role");
  }
});

Deno.test("a name is given once, and those of the first tokens never", async () => {
  await using test = await TestManager.start();
  await test.operator.createToken({ role: "client", name: "ada" });
  for (const name of ["ada", "client", "node", "operator"]) {
    for (const role of ["client", "node"] as const) {
      assertEquals(await refusedCode(test.operator.createToken({ role, name })), "exists");
    }
  }
  await test.operator.createToken({ role: "client", name: "constructor" });
  for (const name of ["", "a b", "a\n", "../x", "'; --", "x".repeat(129)]) {
    const work = test.operator.createToken({ role: "client", name });
    assertEquals(await refusedCode(work), "bad-request");
  }
  const quota = { role: "node", name: "b", quota: { workers: 1 } } as const;
  assertEquals(await refusedCode(test.operator.createToken(quota)), "bad-request");
  for (const workers of [-1, 0.5, 2 ** 60, NaN]) {
    const work = test.operator.createToken({ role: "client", name: "c", quota: { workers } });
    assertEquals(await refusedCode(work), "bad-request");
  }
});

Deno.test("a revoked token is void at once, also after a restart, and its leases end", async () => {
  const test = await TestManager.start();
  const { node } = await test.register("a");
  using ada = await clientWith(test, "ada");
  const { lease } = await ada.takeLease(small);
  await test.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 1 });
  const kept = await test.client.takeLease(small);
  await test.operator.revokeToken("ada");
  await assertRejects(() => ada.nodes(), Unauthorized);
  const leases = await test.operator.leases();
  assertEquals(leases.leases.map((each) => each.lease), [kept.lease]);
  const beat = await test.node.heartbeat(node, { epoch: 1, leases: [{ lease, workers: 1 }] });
  assertEquals(beat.end, [lease]);
  assertEquals(await refusedCode(test.operator.revokeToken("ada")), "not-found");

  // A first token goes with its file, or it would be good again after the restart.
  const old = test.token("client");
  await test.operator.revokeToken("client");
  await assertRejects(() => test.client.nodes(), Unauthorized);
  test.node.close();
  test.client.close();
  test.operator.close();
  await test.manager.close();
  await using again = await TestManager.start({}, test.dir);
  assert(again.token("client") !== old);
  using stale = new ManagerClient({ url: again.url, token: old });
  await assertRejects(() => stale.nodes(), Unauthorized);
  // The name may be given again, and what was taken under it before stays ended.
  using namesake = await clientWith(again, "ada");
  await assertRejects(() => namesake.renewLease(lease, { seconds: 1 }), LeaseOver);
});

Deno.test("an operator can't revoke the token that it asks with", async () => {
  await using test = await TestManager.start();
  assertEquals(await refusedCode(test.operator.revokeToken("operator")), "in-use");
  const { token } = await test.operator.createToken({ role: "operator", name: "second" });
  using second = new ManagerClient({ url: test.url, token });
  await second.revokeToken("operator");
  await assertRejects(() => test.operator.tokens(), Unauthorized);
});

Deno.test("a client gets no more leases, workers, memory or seconds than its quota", async () => {
  await using test = await TestManager.start();
  await test.register("a", { cores: 16 });
  const cases: [Quota, number, string][] = [
    [{ leases: 2 }, 2, "has 2 leases and asks for 1, its quota is 2"],
    [{ workers: 3 }, 3, "has 3 workers and asks for 1, its quota is 3"],
    [{ memoryBytes: 2 ** 20 * 2.5 }, 2, `has ${2 ** 21} bytes of memory`],
    [{ seconds: 59 }, 0, "asks for 60 seconds, its quota is 59"],
    [{ leases: 0 }, 0, "its quota is 0"],
  ];
  for (const [at, [quota, fit, words]] of cases.entries()) {
    using client = await clientWith(test, `c${at}`, quota);
    const taken: string[] = [];
    for (let i = 0; i < fit; i++) taken.push((await client.takeLease(small)).lease);
    const refused = await assertRejects(() => client.takeLease(small), LeaseRefused, words);
    assertEquals(refused.reason, "quota");
    // Another client is served, and what was given back counts no more.
    await test.client.endLease((await test.client.takeLease(small)).lease);
    for (const lease of taken) await client.endLease(lease);
    if (fit > 0) await client.endLease((await client.takeLease(small)).lease);
  }
});

Deno.test("a renewal is bound by the quota's seconds", async () => {
  await using test = await TestManager.start();
  await test.register("a");
  using client = await clientWith(test, "ada", { seconds: 10 });
  const { lease } = await client.takeLease({ ...small, seconds: 10 });
  assertEquals(await refusedCode(client.renewLease(lease, { seconds: 11 })), "quota");
  await client.renewLease(lease, { seconds: 10 });
});

Deno.test("the configured quota holds for clients whose token says nothing else", async () => {
  await using test = await TestManager.start({ quota: { workers: 2, leases: 1 } });
  await test.register("a", { cores: 16 });
  await assertRejects(() => test.client.takeLease({ ...small, workers: 3 }), LeaseRefused, "is 2");
  using more = await clientWith(test, "more", { workers: 4 });
  await more.takeLease({ ...small, workers: 4 });
  await assertRejects(() => more.takeLease(small), LeaseRefused, "has 1 leases");
});

Deno.test("a thousand leases asked for at once give a client its quota and no more", async () => {
  await using test = await TestManager.start();
  await test.register("a", { cores: 64 });
  using client = await clientWith(test, "greedy", { leases: 5, workers: 20 });
  const answers = await Promise.allSettled(
    Array.from({ length: 1000 }, () => client.takeLease({ ...small, workers: 2 })),
  );
  assertEquals(answers.filter(({ status }) => status === "fulfilled").length, 5);
  for (const answer of answers) {
    if (answer.status === "fulfilled") continue;
    assert(answer.reason instanceof LeaseRefused, String(answer.reason));
    assertEquals(answer.reason.reason, "quota");
  }
  await test.client.takeLease(small);
});

Deno.test("a token that is revoked while a request's body arrives gives nothing", async () => {
  await using test = await TestManager.start();
  await test.register("a");
  const { token } = await test.operator.createToken({ role: "client", name: "slow" });
  const { hostname, port } = new URL(test.url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const body = JSON.stringify(small);
  const send = (text: string) => connection.write(new TextEncoder().encode(text));
  await send(
    `POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n` +
      `authorization: Bearer ${token}\r\n\r\n${body.slice(0, 5)}`,
  );
  // Long enough for the server to have looked at the token: it waits for the rest of the body now.
  await new Promise((resolve) => setTimeout(resolve, 100));
  await test.operator.revokeToken("slow");
  await send(body.slice(5));
  const buffer = new Uint8Array(4096);
  const length = await connection.read(buffer) ?? 0;
  const answer = new TextDecoder().decode(buffer.subarray(0, length));
  assert(answer.startsWith("HTTP/1.1 401 "), answer);
  assertEquals((await test.operator.leases()).leases, []);
});

Deno.test("of two operators that revoke each other at once one is left", async () => {
  await using test = await TestManager.start();
  const made = [];
  for (const name of ["one", "two"]) {
    made.push((await test.operator.createToken({ role: "operator", name })).token);
  }
  const operators = made.map((token) => new ManagerClient({ url: test.url, token }));
  await Promise.allSettled([
    operators[0]!.revokeToken("two"),
    operators[1]!.revokeToken("one"),
  ]);
  const { tokens } = await test.operator.tokens();
  const left = tokens.filter(({ name }) => name === "one" || name === "two");
  assertEquals(left.length, 1, JSON.stringify(tokens));
  for (const operator of operators) operator.close();
});

Deno.test("a revocation that fails leaves the token as it was", async () => {
  await using test = await TestManager.start();
  const file = test.manager.tokenFiles.client;
  await Deno.remove(file);
  await Deno.mkdir(`${file}/x`, { recursive: true }); // what can't be removed as a file
  await assertRejects(() => test.operator.revokeToken("client"));
  await test.client.nodes();
});
