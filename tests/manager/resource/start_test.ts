import { assert, assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { startResourceManager } from "../../../manager/resource/resource_manager.ts";
import { AddressUnavailableError } from "../../../manager/http/listen.ts";
import { StateUnavailableError } from "../../../manager/state_dir.ts";
import { UnauthorizedError } from "../../../runtime/errors.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { TestManager } from "../../support/manager/test_manager.ts";

const small = { workers: 1, memoryBytes: 2 ** 20, termMs: 60_000 };
const modeOf = async (path: string) => ((await Deno.stat(path)).mode! & 0o777).toString(8);

Deno.test("`startResourceManager()` makes its state readable for its owner only", async () => {
  await using test = await TestManager.start();
  assertEquals(await modeOf(`${test.dir}/state`), "700");
  const names = [...Deno.readDirSync(`${test.dir}/state`)].map(({ name }) => name);
  assert(names.includes("operator.token") && names.includes("state.sqlite"), `${names}`);
  for (const name of names) {
    assertEquals(await modeOf(`${test.dir}/state/${name}`), "600", name);
    const text = new TextDecoder().decode(await Deno.readFile(`${test.dir}/state/${name}`));
    assertEquals(text.includes(test.token("node")), name === "node.token");
  }
  assert(/^rfaas_operator_[A-Za-z0-9_-]{43}$/.test(test.token("operator")));
});

Deno.test("`startResourceManager()` continues from its state after a close", async () => {
  const test = await TestManager.start();
  const { node, keys } = await test.register("a");
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 1 });
  const token = test.token("client");
  await test.stop();
  await using again = await TestManager.start({}, test.dir);
  assertEquals(again.token("client"), token);
  const heartbeat = { epoch: 1, leases: [{ lease, workers: 1 }] };
  const response = await again.node.heartbeat(node, heartbeat);
  assertEquals([response.end, response.keys], [[], keys]);
  assertEquals(await again.freeCores(), { a: 3 });
  assertEquals((await again.client.renewLease(lease, { termMs: 90_000 })).grants.length, 1);
});

Deno.test("`startResourceManager()` continues from its state after SIGKILL", async () => {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const socket = `${dir}/manager.sock`;
  const module = new URL("../../../manager/resource/resource_manager.ts", import.meta.url);
  const script = `const { startResourceManager } = await import(${JSON.stringify(module.href)});
    await startResourceManager(${
    JSON.stringify({ listen: [`unix:${socket}`], stateDir: `${dir}/state` })
  });
    console.log("ready");`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", script],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let lease: string;
  try {
    const reader = child.stdout.getReader();
    assertEquals(new TextDecoder().decode((await reader.read()).value), "ready\n");
    await reader.cancel();
    const token = (role: string) => Deno.readTextFileSync(`${dir}/state/${role}.token`).trim();
    using nodes = new ManagerClient({ url: `unix:${socket}`, token: token("node") });
    using client = new ManagerClient({ url: `unix:${socket}`, token: token("client") });
    const capacity = { cores: 4, memoryBytes: 2 ** 30, addresses: ["shm:a"], bootId: "b" };
    const { node } = await nodes.registerNode({ name: "a", ...capacity });
    lease = (await client.takeLease({ ...small, workers: 3 })).lease;
    await nodes.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 3 });
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
  assert((await Deno.lstat(socket)).isSocket, "the socket file was removed");
  const listen = ["http://127.0.0.1:0", `unix:${socket}`];
  await using test = await TestManager.start({ listen }, dir);
  assertEquals(await modeOf(socket), "600");
  assertEquals(await test.freeCores(), { a: 1 });
  assertEquals((await test.client.leases()).leases.map((each) => each.lease), [lease]);
  assertEquals((await test.client.renewLease(lease, { termMs: 60_000 })).grants.length, 1);
});

Deno.test("`startResourceManager()` refuses a state folder in use", async () => {
  await using test = await TestManager.start();
  await assertRejects(
    () => startResourceManager({ listen: [], stateDir: `${test.dir}/state` }),
    StateUnavailableError,
    "another resource manager is using it",
  );
  await test.client.health();
});

Deno.test("`startResourceManager()` refuses a state of a newer version", async () => {
  const test = await TestManager.start();
  await test.stop();
  const db = new DatabaseSync(`${test.dir}/state/state.sqlite`);
  db.exec("PRAGMA user_version = 99");
  db.close();
  const start = () => startResourceManager({ listen: [], stateDir: `${test.dir}/state` });
  await assertRejects(start, StateUnavailableError, "schema version 99 is newer");
  await Deno.remove(test.dir, { recursive: true });
});

Deno.test("`startResourceManager()` creates another token when a token file was deleted", async () => {
  const test = await TestManager.start();
  const old = test.token("client");
  await test.stop();
  await Deno.remove(`${test.dir}/state/client.token`);
  const again = await TestManager.start({}, test.dir);
  assert(again.token("client") !== old);
  using stale = new ManagerClient({ url: again.url, token: old });
  await assertRejects(() => stale.nodes(), UnauthorizedError);
  await again.client.nodes();
  await again.stop();
  await Deno.writeTextFile(`${test.dir}/state/client.token`, "junk");
  const start = () => startResourceManager({ listen: [], stateDir: `${test.dir}/state` });
  await assertRejects(start, StateUnavailableError, "it holds no client token");
  await Deno.remove(test.dir, { recursive: true });
});

Deno.test("`startResourceManager()` names the address at which it cannot listen", async () => {
  await using test = await TestManager.start();
  const socket = `${test.dir}/live.sock`;
  using _live = Deno.listen({ transport: "unix", path: socket });
  const file = `${test.dir}/file`;
  await Deno.writeTextFile(file, "precious");
  const refused = [
    [test.url, "another process listens there"],
    ["http://192.0.2.1:0", "this host has no such address"], // no host has it (RFC 5737)
    ["http://host.invalid:0", "there is no host of this name"], // nor this name (RFC 6761)
    [`unix:${socket}`, "another process listens there"],
    [`unix:${file}`, "not a socket"],
    ["unix:relative", "not absolute"],
    [`unix:/${"x".repeat(107)}`, "108 bytes"],
    ["ftp://127.0.0.1:0", "expected http"],
    ["nonsense", "expected http"],
  ] as const;
  for (const [address, message] of refused) {
    // The first address is free, and must be released again.
    const listen = ["http://127.0.0.1:0", address];
    const start = () => startResourceManager({ listen, stateDir: `${test.dir}/other` });
    const error = await assertRejects(start, AddressUnavailableError, message);
    assert(error.message.includes(address), error.message);
  }
  assertEquals(await Deno.readTextFile(file), "precious");
});

Deno.test("`close()` finishes requests in flight, removes the socket, and may be repeated", async () => {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const socket = `${dir}/manager.sock`;
  const listen = [`unix:${socket}`];
  const test = await TestManager.start({ listen }, dir);
  using connection = await Deno.connect({ transport: "unix", path: socket });
  const body = JSON.stringify({ workers: 1, memoryBytes: 0, termMs: 1_000 });
  const head = `POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n` +
    `authorization: Bearer ${test.token("client")}\r\n\r\n`;
  const send = (text: string) => connection.write(new TextEncoder().encode(text));
  await send(head + body.slice(0, 5));
  // Long enough for the server to have read the head. It then waits for the rest of the body.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const closed = test.manager.close();
  await send(body.slice(5));
  const buffer = new Uint8Array(4096);
  const length = await connection.read(buffer) ?? 0;
  const response = new TextDecoder().decode(buffer.subarray(0, length));
  assert(response.includes("no-nodes"), response);
  await closed;
  await test.stop();
  await assertRejects(() => Deno.lstat(socket), Deno.errors.NotFound);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("a Unix socket accepts its owner, and its group with the mode 0660", async () => {
  for (const mode of [undefined, 0o600, 0o660] as const) {
    const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
    const listen = [`unix:${dir}/manager.sock`];
    const before = Deno.umask();
    const test = await TestManager.start(
      { listen, ...(mode === undefined ? {} : { socketMode: mode }) },
      dir,
    );
    assertEquals(await modeOf(`${dir}/manager.sock`), (mode ?? 0o600).toString(8));
    assertEquals(Deno.umask(), before);
    await test.client.health();
    await test.stop();
    await Deno.remove(dir, { recursive: true });
  }
});
