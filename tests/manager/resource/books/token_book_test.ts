import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  LeaseOverError,
  LeaseRefusedError,
  UnauthorizedError,
} from "../../../../runtime/errors.ts";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import type { Quota, TokenRole as Role } from "../../../../runtime/http/manager_api.ts";
import { ManagerRefusedError } from "../../../../runtime/http/manager_refused.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";
import { limitMs } from "../../../support/time_factor.ts";

const small = { workers: 1, memoryBytes: 2 ** 20, termMs: 60_000 };

async function clientWith(test: TestManager, name: string, quota?: Quota): Promise<ManagerClient> {
  const request = { role: "client", name, ...(quota === undefined ? {} : { quota }) } as const;
  const { token } = await test.operator.createToken(request);
  return new ManagerClient({ url: test.url, token, timeoutMs: limitMs(5000) });
}

async function refusedCode(work: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => work, ManagerRefusedError)).code;
}

Deno.test("a created token works in its role, and its text is not stored", async () => {
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
  await assertRejects(() => node.tokens(), UnauthorizedError, "this needs the role");
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

Deno.test("only operators create, list and revoke tokens", async () => {
  await using test = await TestManager.start();
  for (const caller of [test.node, test.client]) {
    const request = { role: "operator", name: "me" } as const;
    await assertRejects(
      () => caller.createToken(request),
      UnauthorizedError,
      "this needs the role",
    );
    await assertRejects(() => caller.tokens(), UnauthorizedError, "this needs the role");
    await assertRejects(
      () => caller.revokeToken("operator"),
      UnauthorizedError,
      "this needs the role",
    );
  }
});

Deno.test("a token name is unique, and those of the first tokens are reserved", async () => {
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

Deno.test("a token of a client may have an account, which is listed and kept", async () => {
  const test = await TestManager.start();
  await test.operator.createToken({ role: "client", name: "ada", account: "physics" });
  await test.operator.createToken({ role: "client", name: "bob" });
  const accounts = async ({ operator }: TestManager) => {
    const { tokens } = await operator.tokens();
    return tokens.filter(({ name }) => /ada|bob/.test(name)).map((token) => token.account);
  };
  assertEquals(await accounts(test), ["physics", undefined]);
  const { events } = await test.operator.events({ newest: 2 });
  assertEquals(events.map(({ message }) => message), [
    "role client, account physics",
    "role client",
  ]);
  for (const role of ["node", "operator"] as const) {
    const work = test.operator.createToken({ role, name: "x", account: "physics" });
    const { message } = await assertRejects(() => work, ManagerRefusedError);
    assert(message.includes(`an account applies to the role client, not to ${role}`), message);
  }
  for (const account of ["", "a|b", "a b", "a\n", "-a", "=1+1", "x".repeat(129)]) {
    const work = test.operator.createToken({ role: "client", name: "x", account });
    assertEquals(await refusedCode(work), "bad-request", account);
  }
  await test.stop();
  await using again = await TestManager.start({}, test.dir);
  assertEquals(await accounts(again), ["physics", undefined]);
});

Deno.test("a token of a client may have a class of the configuration, which is listed and kept", async () => {
  const test = await TestManager.start({
    classes: { batch: { priority: -1 }, urgent: { priority: 9 } },
  });
  const create = (role: Role, name: string, inClass: string, { operator } = test) =>
    operator.createToken({ role, name, class: inClass });
  await create("client", "ada", "urgent");
  await create("client", "bob", "default");
  const classes = async ({ operator }: TestManager) => {
    const { tokens } = await operator.tokens();
    return tokens.filter(({ name }) => /ada|bob|client/.test(name)).map((token) => token.class);
  };
  assertEquals(await classes(test), ["urgent", "default", undefined]);
  const { events } = await test.operator.events({ newest: 2 });
  assertEquals(events.map(({ message }) => message), [
    "role client, class urgent",
    "role client, class default",
  ]);
  const unknown = await assertRejects(() => create("client", "x", "gold"), ManagerRefusedError);
  assertMatch(unknown.message, /there is no class "gold", only urgent, default, batch$/);
  const node = await assertRejects(() => create("node", "x", "urgent"), ManagerRefusedError);
  assertMatch(node.message, /a class applies to the role client, not to node$/);
  for (const name of ["", "a b", "-a", "7", "__proto__", "x".repeat(65)]) {
    assertEquals(await refusedCode(create("client", "x", name)), "bad-request", name);
  }
  await test.stop();
  // The configuration may have other classes meanwhile.
  await using again = await TestManager.start({}, test.dir);
  assertEquals(await classes(again), ["urgent", "default", undefined]);
  const gone = await assertRejects(
    () => create("client", "x", "urgent", again),
    ManagerRefusedError,
  );
  assertMatch(gone.message, /there is no class "urgent", only default$/);
});

Deno.test("a revoked token is refused at once and after a restart, and its leases end", async () => {
  const test = await TestManager.start();
  const { node } = await test.register("a");
  using ada = await clientWith(test, "ada");
  const { lease } = await ada.takeLease(small);
  await test.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 1 });
  const kept = await test.client.takeLease(small);
  await test.operator.revokeToken("ada");
  await assertRejects(() => ada.nodes(), UnauthorizedError);
  const leases = await test.operator.leases();
  assertEquals(leases.leases.map((each) => each.lease), [kept.lease]);
  const heartbeat = await test.node.heartbeat(node, { epoch: 1, leases: [{ lease, workers: 1 }] });
  assertEquals(heartbeat.end, [lease]);
  assertEquals(await refusedCode(test.operator.revokeToken("ada")), "not-found");

  // The file of a first token is removed, or the restart would accept the token again.
  const old = test.token("client");
  await test.operator.revokeToken("client");
  await assertRejects(() => test.client.nodes(), UnauthorizedError);
  test.node.close();
  test.client.close();
  test.operator.close();
  await test.manager.close();
  await using again = await TestManager.start({}, test.dir);
  assert(again.token("client") !== old);
  using stale = new ManagerClient({ url: again.url, token: old });
  await assertRejects(() => stale.nodes(), UnauthorizedError);
  // The name may be used again. Leases that the earlier token took stay ended.
  using namesake = await clientWith(again, "ada");
  await assertRejects(() => namesake.renewLease(lease, { termMs: 1_000 }), LeaseOverError);
});

Deno.test("an operator cannot revoke the token of the request", async () => {
  await using test = await TestManager.start();
  assertEquals(await refusedCode(test.operator.revokeToken("operator")), "in-use");
  const { token } = await test.operator.createToken({ role: "operator", name: "second" });
  using second = new ManagerClient({ url: test.url, token });
  await second.revokeToken("operator");
  await assertRejects(() => test.operator.tokens(), UnauthorizedError);
});

Deno.test("a client gets no more leases, workers, memory or time than its quota", async () => {
  await using test = await TestManager.start();
  await test.register("a", { cores: 16 });
  const cases: [Quota, number, string][] = [
    [{ leases: 2 }, 2, "has 2 leases and requests 1, its quota is 2"],
    [{ workers: 3 }, 3, "has 3 workers and requests 1, its quota is 3"],
    [{ memoryBytes: 2 ** 20 * 2.5 }, 2, `has ${2 ** 21} bytes of memory`],
    [{ termMs: 59_000 }, 0, "requests a term of 60000 ms, its quota is 59000 ms"],
    [{ leases: 0 }, 0, "its quota is 0"],
  ];
  for (const [at, [quota, fit, message]] of cases.entries()) {
    using client = await clientWith(test, `c${at}`, quota);
    const held: string[] = [];
    for (let i = 0; i < fit; i++) held.push((await client.takeLease(small)).lease);
    const refused = await assertRejects(() => client.takeLease(small), LeaseRefusedError, message);
    assertEquals(refused.reason, "quota");
    // Another client is served, and released leases do not count.
    await test.client.releaseLease((await test.client.takeLease(small)).lease);
    for (const lease of held) await client.releaseLease(lease);
    if (fit > 0) await client.releaseLease((await client.takeLease(small)).lease);
  }
});

Deno.test("the longest term of the quota applies to renewals", async () => {
  await using test = await TestManager.start();
  await test.register("a");
  using client = await clientWith(test, "ada", { termMs: 10_000 });
  const { lease } = await client.takeLease({ ...small, termMs: 10_000 });
  assertEquals(await refusedCode(client.renewLease(lease, { termMs: 11_000 })), "quota");
  await client.renewLease(lease, { termMs: 10_000 });
});

Deno.test("the configured quota applies to limits that a token leaves out", async () => {
  await using test = await TestManager.start({ quota: { workers: 2, leases: 1 } });
  await test.register("a", { cores: 16 });
  await assertRejects(
    () => test.client.takeLease({ ...small, workers: 3 }),
    LeaseRefusedError,
    "is 2",
  );
  using more = await clientWith(test, "more", { workers: 4 });
  await more.takeLease({ ...small, workers: 4 });
  await assertRejects(() => more.takeLease(small), LeaseRefusedError, "has 1 leases");
});

Deno.test("a thousand simultaneous requests for leases give a client its quota and no more", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  await test.register("a", { cores: 64 });
  using client = await clientWith(test, "greedy", { leases: 5, workers: 20 });
  const answers = await Promise.allSettled(
    Array.from({ length: 1000 }, () => client.takeLease({ ...small, workers: 2 })),
  );
  assertEquals(answers.filter(({ status }) => status === "fulfilled").length, 5);
  for (const answer of answers) {
    if (answer.status === "fulfilled") continue;
    assert(answer.reason instanceof LeaseRefusedError, String(answer.reason));
    assertEquals(answer.reason.reason, "quota");
  }
  await test.client.takeLease(small);
});

Deno.test("a request is refused if its token is revoked while its body arrives", async () => {
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
  // Long enough for the server to have checked the token. It then waits for the rest of the body.
  await new Promise((resolve) => setTimeout(resolve, 100));
  await test.operator.revokeToken("slow");
  await send(body.slice(5));
  const buffer = new Uint8Array(4096);
  const length = await connection.read(buffer) ?? 0;
  const answer = new TextDecoder().decode(buffer.subarray(0, length));
  assert(answer.startsWith("HTTP/1.1 401 "), answer);
  assertEquals((await test.operator.leases()).leases, []);
});

Deno.test("of two operators that revoke each other at the same time, one remains", async () => {
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

Deno.test("a revocation that fails leaves the token valid", async () => {
  await using test = await TestManager.start();
  const file = test.manager.tokenFiles.client;
  await Deno.remove(file);
  await Deno.mkdir(`${file}/x`, { recursive: true }); // a folder, which cannot be removed as a file
  await assertRejects(() => test.operator.revokeToken("client"));
  await test.client.nodes();
});
