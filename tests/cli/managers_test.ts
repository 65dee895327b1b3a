import { assertEquals, assertMatch } from "@std/assert";
import { hostileEnvironment } from "../support/processes/hostile_environment.ts";
import { rfaas, startRfaas } from "../support/cluster/rfaas_command.ts";
import { documentedFlags } from "../support/docs/documented_flags.ts";
import { scrape } from "../support/manager/scrape.ts";

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
    assertEquals(manager.ready.metrics, undefined);
    assertEquals(Object.keys(tokenFiles).sort(), ["client", "node", "operator"]);
    assertEquals(Deno.statSync(tokenFiles.node).mode! & 0o777, 0o600);

    const args = ["executor", "--manager", `unix:${socket}`, "--name", "here", "--cores", "1"];
    await using node = await startRfaas([...args, "--state", `${folder}/node`], {
      RFAAS_TOKEN: Deno.readTextFileSync(tokenFiles.node).trim(),
      RFAAS_EXECUTOR_MANAGER_METRICS_LISTEN: "http://127.0.0.1:0",
    });
    assertEquals(Object.keys(node.ready), ["node", "name", "addresses", "metrics"]);
    assertEquals((await scrape(node.ready.metrics)).get("rfaas_node_cores"), 1);
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

Deno.test("resource-manager and executor-manager run with the documented permissions alone", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const root = new URL("../../", import.meta.url).pathname;
  try {
    const host = freeHost();
    const state = `${folder}/manager`;
    const token = `${folder}/metrics.token`;
    await Deno.writeTextFile(token, "scraper\n");
    const metrics = [
      await metricsAt(freeHost(), token),
      await metricsAt(freeHost(), token),
    ] as const;
    await using manager = await startRfaas(
      ["resource-manager", "--listen", `http://${host}`, "--state", state, ...metrics[0].args],
      hostileEnvironment(),
      [
        ...await documentedFlags("resource-manager", { "HOST:PORT": host, STATE: state }),
        ...metrics[0].flags,
      ],
    );
    const { tokenFiles } = manager.ready;
    const nodeState = `${folder}/node`;
    const placeholders = { MANAGER: host, RFAAS: root };
    await using node = await startRfaas(
      [
        ...[
          "executor-manager",
          "--manager",
          `http://${host}`,
          "--state",
          nodeState,
          "--cores",
          "1",
        ],
        ...metrics[1].args,
      ],
      { ...hostileEnvironment(), RFAAS_TOKEN: Deno.readTextFileSync(tokenFiles.node).trim() },
      [
        ...await documentedFlags("executor-manager", {
          ...placeholders,
          STATE: nodeState,
          TOKEN: tokenFiles.node,
          DENO: Deno.execPath(),
        }),
        ...metrics[1].flags,
      ],
    );
    assertMatch(node.ready.addresses[0], /^shm:/);
    const called = await rfaas(
      [
        "invoke",
        "echo",
        "--functions",
        `${root}tests/support/functions/functions.ts`,
        "--input",
        "-",
      ],
      {
        env: {
          RFAAS_MANAGER: `http://${host}`,
          RFAAS_TOKEN: Deno.readTextFileSync(tokenFiles.client).trim(),
        },
        input: "hello",
        permissions: await documentedFlags("invoke", placeholders),
      },
    );
    assertEquals(called, { code: 0, stdout: "hello", stderr: "" });
    assertEquals((await scrape(manager.ready.metrics, "scraper")).get("rfaas_manager_store_up"), 1);
    assertEquals((await scrape(node.ready.metrics, "scraper")).get("rfaas_node_cores"), 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** A host and a free port: port 0 would be chosen after the flag that must name the port. */
function freeHost(): string {
  const reserved = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  reserved.close();
  return `127.0.0.1:${reserved.addr.port}`;
}

/** The arguments of a manager that serves metrics, and the flags that are documented for them. */
async function metricsAt(host: string, tokenFile: string) {
  return {
    args: ["--metrics-listen", `http://${host}`, "--metrics-token-file", tokenFile],
    flags: [
      ...await documentedFlags("resource-manager --metrics-listen", { METRICS: host }),
      `--allow-read=${tokenFile}`,
    ],
  };
}

Deno.test("resource-manager refuses a token for metrics that it does not serve, and an address that it cannot use", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    const listen = ["resource-manager", "--listen", "http://127.0.0.1:0", "--state", folder];
    const token = await rfaas([...listen, "--metrics-token-file", "none"]);
    assertMatch(token.stderr, /^rfaas: Cannot serve metrics: .*needs --metrics-listen\n$/);
    const address = await rfaas([...listen, "--metrics-listen", "127.0.0.1:7401"]);
    assertMatch(address.stderr, /^rfaas: Cannot listen at "?127.0.0.1:7401"?: expected .*\n$/);
    assertEquals([token.code, address.code], [1, 1]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("executor-manager fails with one line if the resource manager cannot be reached", async () => {
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
