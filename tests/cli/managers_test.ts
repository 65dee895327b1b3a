import { assertEquals, assertMatch } from "@std/assert";
import { rfaas, startRfaas } from "./rfaas.ts";

Deno.test("resource-manager and executor-manager run as processes, over TCP and a Unix socket", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const socket = `${folder}/manager.sock`;
  try {
    await using manager = await startRfaas([
      "manager",
      "--listen",
      "http://127.0.0.1:0",
      "--listen",
      `unix:${socket}`,
      "--state",
      `${folder}/state`,
    ]);
    const { urls, tokenFiles } = manager.ready;
    assertEquals(urls.length, 2);
    assertEquals(Object.keys(tokenFiles).sort(), ["client", "node", "operator"]);
    assertEquals(Deno.statSync(tokenFiles.node).mode! & 0o777, 0o600);

    const args = ["executor", "--manager", `unix:${socket}`, "--name", "here", "--cores", "1"];
    await using node = await startRfaas([...args, "--state", `${folder}/node`], {
      RFAAS_TOKEN: Deno.readTextFileSync(tokenFiles.node).trim(),
    });
    assertEquals(Object.keys(node.ready), ["node", "name", "addresses"]);
    assertEquals(node.ready.name, "here");
    assertMatch(node.ready.addresses[0], /^shm:/);

    const list = await rfaas(
      ["nodes", "--json", "--manager", urls[0], "--token-file", tokenFiles.client],
    );
    assertEquals(JSON.parse(list.stdout).nodes[0].node, node.ready.node);

    const wrong = await rfaas(
      ["executor", "--manager", urls[0], "--token-file", tokenFiles.client, "--state", folder],
    );
    assertEquals(wrong.code, 1);
    assertMatch(wrong.stderr, /^rfaas: .+\n$/);

    assertEquals((await node.end("SIGINT")).code, 0);
    assertEquals((await manager.end("SIGTERM")).code, 0);
    assertEquals([...Deno.readDirSync(folder)].some(({ name }) => name === "manager.sock"), false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("resource-manager and executor-manager need no more permissions than README names", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const root = new URL("../../", import.meta.url).pathname;
  const flags = (...more: string[]) => ["--allow-env", ...more];
  try {
    // A port of 0 would be another one by the time that a flag names it.
    const reserved = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const host = `127.0.0.1:${reserved.addr.port}`;
    reserved.close();
    const state = `${folder}/manager`;
    await using manager = await startRfaas(
      ["resource-manager", "--listen", `http://${host}`, "--state", state],
      {},
      flags(`--allow-net=${host}`, `--allow-read=${state}`, `--allow-write=${state}`),
    );
    const { tokenFiles } = manager.ready;
    const nodeState = `${folder}/node`;
    await using node = await startRfaas(
      ["executor-manager", "--manager", `http://${host}`, "--state", nodeState, "--cores", "1"],
      { RFAAS_TOKEN: Deno.readTextFileSync(tokenFiles.node).trim() },
      flags(
        "--allow-ffi",
        `--allow-net=${host}`,
        `--allow-read=${root},${nodeState}`,
        `--allow-write=${nodeState}`,
        `--allow-run=${Deno.execPath()}`,
        "--allow-sys=hostname,systemMemoryInfo,networkInterfaces",
      ),
    );
    assertMatch(node.ready.addresses[0], /^shm:/);
    const called = await rfaas(
      [
        "invoke",
        "echo",
        "--functions",
        `${root}tests/support/functions.ts`,
        "--input",
        "-",
      ],
      {
        env: {
          RFAAS_MANAGER: `http://${host}`,
          RFAAS_TOKEN: Deno.readTextFileSync(tokenFiles.client).trim(),
        },
        input: "hello",
      },
    );
    assertEquals(called, { code: 0, stdout: "hello", stderr: "" });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("executor-manager fails with one line when the resource manager can't be reached", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    const { code, stderr } = await rfaas(
      ["executor-manager", "--manager", "http://127.0.0.1:1", "--state", folder],
      { env: { RFAAS_TOKEN: "none" } },
    );
    assertEquals(code, 1);
    assertMatch(stderr, /^rfaas: .*127\.0\.0\.1:1.*\n$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
