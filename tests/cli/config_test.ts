import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { readConfigFile } from "../../cli/config/config_file.ts";
import { deviceAddress } from "../../cli/config/device_address.ts";
import { LeaseRefusedError } from "../../runtime/errors.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { rfaas, startRfaas } from "../support/cluster/rfaas_command.ts";

const docs = new URL("../../docs/", import.meta.url);

async function withFile<T>(content: unknown, use: (file: string) => Promise<T>): Promise<T> {
  const file = await Deno.makeTempFile({ prefix: "rfaas-test-", suffix: ".json" });
  try {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    await Deno.writeTextFile(file, text);
    return await use(file);
  } finally {
    await Deno.remove(file);
  }
}

async function show(args: string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await rfaas(["config", "show", "--json", ...args], { env });
  assertEquals([code, stderr], [0, ""]);
  const { settings } = JSON.parse(stdout);
  return (path: string) => {
    const { value, from } = settings.find((each: { path: string }) => each.path === path);
    return [value, from];
  };
}

Deno.test("the file that docs/configuration.md shows is accepted", async () => {
  const text = await Deno.readTextFile(new URL("configuration.md", docs));
  const example = /```json\n([^]*?)```/.exec(text)![1]!;
  const values = await withFile(example, readConfigFile);
  assertEquals(values.get("executorManager.cores"), 12);
});

Deno.test("a flag wins over the environment, the environment over the file, the file over the default", async () => {
  const config = { executorManager: { cores: 3, name: "file", memory: "1GiB" } };
  await withFile(config, async (file) => {
    const env = {
      RFAAS_EXECUTOR_MANAGER_CORES: "5",
      RFAAS_EXECUTOR_MANAGER_NAME: "environment",
      RFAAS_CONFIG: file,
    };
    const all = await show(["executor-manager", "--cores", "7"], env);
    assertEquals(all("executorManager.cores"), [7, "flag --cores"]);
    const name = ["environment", "environment RFAAS_EXECUTOR_MANAGER_NAME"];
    assertEquals(all("executorManager.name"), name);
    assertEquals(all("executorManager.memory"), [2 ** 30, `file ${file}`]);
    assertEquals(all("executorManager.fabric"), ["auto", "default"]);
    assertEquals(all("executorManager.fabricAddress"), [null, "not set"]);
    const plain = await show([], { RFAAS_EXECUTOR_MANAGER_CORES: "5", RFAAS_CONFIG: file });
    assertEquals(plain("executorManager.cores"), [5, "environment RFAAS_EXECUTOR_MANAGER_CORES"]);
    const fileOnly = await show(["--config", file]);
    assertEquals(fileOnly("executorManager.cores"), [3, `file ${file}`]);
    const up = await show(["up", "--fabric", "auto"], { RFAAS_CONFIG: file });
    assertEquals(up("resourceManager.listen"), [["http://127.0.0.1:0"], "default"]);
    assertEquals(up("executorManager.fabric"), ["auto", "flag --fabric"]);
  });
});

Deno.test("a size is a number of bytes, or a text with any unit up to TiB", async () => {
  const sizes: [string | number, number][] = [
    [4096, 4096],
    ["4096", 4096],
    ["1TiB", 2 ** 40],
    ["1.5tb", 1.5e12],
    [" 2 KiB ", 2048],
    ["8b", 8],
  ];
  for (const [size, bytes] of sizes) {
    const config = { resourceManager: { quota: { memory: size } } };
    const all = await withFile(config, (file) => show(["--config", file]));
    assertEquals(all("resourceManager.quota.memory")[0], bytes, String(size));
  }
});

Deno.test("the published schema takes the sizes that the file takes", async () => {
  const text = await Deno.readTextFile(new URL("config.schema.json", docs));
  const patterns = [...text.matchAll(/"pattern": (".*")/g)].map(([, json]) => JSON.parse(json!));
  const ofSizes = patterns.filter((pattern) => new RegExp(pattern).test("8 GiB"));
  assertEquals(ofSizes.length >= 3, true);
  for (const pattern of ofSizes) {
    const taken = ["1TiB", "1tb", "8", "8 B", "1iB", "1XiB", "-1", ""]
      .filter((size) => new RegExp(pattern).test(size));
    assertEquals(taken, ["1TiB", "1tb", "8", "8 B"], pattern);
  }
});

Deno.test("a variable holds a text, JSON, or texts separated by spaces", async () => {
  const listen = (text: string) => show([], { RFAAS_RESOURCE_MANAGER_LISTEN: text });
  for (const text of ["unix:/a unix:/b", '["unix:/a","unix:/b"]']) {
    assertEquals((await listen(text))("resourceManager.listen")[0], ["unix:/a", "unix:/b"]);
  }
  const named = await show([], { RFAAS_EXECUTOR_MANAGER_NAME: "12" });
  assertEquals(named("executorManager.name")[0], "12");
  const wrong = await rfaas(["config", "show"], { env: { RFAAS_EXECUTOR_MANAGER_CORES: "many" } });
  assertEquals(wrong.code, 1);
  assertEquals(
    wrong.stderr,
    "rfaas: Cannot use setting executorManager.cores from environment RFAAS_EXECUTOR_MANAGER_CORES: " +
      'expected number, got "many"\n',
  );
});

Deno.test("a wrong configuration file is refused with the path of each fault", async () => {
  const wrong: [unknown, string][] = [
    ["{", "not valid JSON: "],
    [[], "the file: expected an object, got []"],
    [7, "the file: expected Object, got 7"],
    [{ executorManager: [] }, "executorManager: expected an object, got []"],
    [{ executorManager: { cores: 0 } }, "executorManager.cores: expected >=1, got 0"],
    [{ executorManager: { cores: "4" } }, 'executorManager.cores: expected number, got "4"'],
    [{ executorManager: { pool: { size: 1 } } }, "executorManager.pool.size: unknown key"],
    [{ resourceManager: { quota: { Workers: 1 } } }, "resourceManager.quota.Workers: unknown key"],
    [{ resourceManager: { listen: [1] } }, "resourceManager.listen.0: expected string, got 1"],
    [{ resourceManager: { listen: [] } }, "resourceManager.listen: expected >=1"],
    [
      { executorManager: { memory: "lots" } },
      'executorManager.memory: expected bytes or a size such as "8GiB", got "lots"',
    ],
    [
      { executorManager: { memory: "1iB" } },
      'executorManager.memory: expected bytes or a size such as "8GiB", got "1iB"',
    ],
    [
      { resourceManager: { quota: { memory: "9000000TiB" } } },
      'resourceManager.quota.memory: expected bytes or a size such as "8GiB", got "9000000TiB"',
    ],
    [{ executorManager: { fabric: "ib" } }, "executorManager.fabric: expected "],
    [{ executorManager: { cores: 0 }, x: 1 }, "executorManager.cores: expected >=1, got 0; x: unk"],
  ];
  for (const [content, words] of wrong) {
    await withFile(content, async (file) => {
      const error = await assertRejects(() => readConfigFile(file), TypeError);
      assert(error.message.startsWith(`Cannot use configuration ${file}: ${words}`), error.message);
    });
  }
  await assertRejects(() => readConfigFile("/nowhere"), TypeError, "no such file");
  for (const command of ["resource-manager", "executor-manager", "up"]) {
    const { code, stderr } = await withFile(
      "{",
      (file) => rfaas([command, "--config", file, ...(command === "up" ? [] : ["--state", "/x"])]),
    );
    assertEquals(code, 1);
    assertMatch(stderr, /^rfaas: Cannot use configuration .*: not valid JSON: .*\n$/);
  }
});

Deno.test("managers use the configuration file", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const socket = `unix:${folder}/manager.sock`;
  const config = {
    resourceManager: {
      listen: [socket],
      state: `${folder}/manager`,
      quota: { workers: 2 },
    },
    executorManager: {
      manager: socket,
      tokenFile: `${folder}/manager/node.token`,
      name: "named-in-file",
      cores: 3,
      memory: "64MiB",
      fabric: "shm",
      state: `${folder}/node`,
    },
  };
  try {
    await withFile(config, async (file) => {
      await using manager = await startRfaas(["resource-manager", "--config", file]);
      assertEquals(manager.ready.urls, [socket]);
      await using node = await startRfaas(["executor-manager", "--config", file, "--cores", "4"]);
      assertEquals(node.ready.name, "named-in-file");
      const token = Deno.readTextFileSync(manager.ready.tokenFiles.client).trim();
      using client = new ManagerClient({ url: socket, token });
      const [lent] = (await client.nodes()).nodes;
      assertEquals([lent?.cores, lent?.memoryBytes], [4, 64 * 2 ** 20]);
      const request = { memoryBytes: 0, termMs: 5000 };
      await client.takeLease({ ...request, workers: 2 });
      const refused = await assertRejects(
        () => client.takeLease({ ...request, workers: 1 }),
        LeaseRefusedError,
      );
      assertEquals(refused.reason, "quota");
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("rfaas up passes the configuration to both managers", async () => {
  const config = {
    resourceManager: { quota: { leases: 0 } },
    executorManager: { name: "from-file", cores: 2, memory: "64MiB" },
  };
  await withFile(config, async (file) => {
    await using up = await startRfaas(["up", "--config", file]);
    using client = new ManagerClient({ url: up.ready.manager, token: up.ready.token });
    const [node] = (await client.nodes()).nodes;
    assertEquals([node?.name, node?.cores, node?.memoryBytes], ["from-file", 2, 64 * 2 ** 20]);
    const request = { workers: 1, memoryBytes: 0, termMs: 5000 };
    await assertRejects(() => client.takeLease(request), LeaseRefusedError, "quota");
  });
});

Deno.test("the executor manager uses the first usable device of the configuration", async () => {
  // As `rfaas devices --json` prints a port.
  const port = { device: "rxe0", port: 1, linkLayer: "Ethernet", mtu: 1024, gids: [{ index: 0 }] };
  const down = { ...port, state: "DOWN", address: "192.0.2.1" };
  const bare = { ...port, device: "rxe1", state: "ACTIVE", addresses: [] };
  const usable = { ...port, device: "rxe2", state: "ACTIVE", address: "192.0.2.2" };
  assertEquals(deviceAddress([down, bare, usable]), "192.0.2.2");
  assertThrows(() => deviceAddress([down, bare]), TypeError, "(rxe0 port 1, rxe1 port 1)");
  const of = (devices: unknown[]) => ({
    executorManager: { devices, manager: "http://127.0.0.1:1", state: "/dev/null/x" },
  });
  const run = (config: unknown, ...flags: string[]) =>
    withFile(config, async (file) => {
      const env = { RFAAS_TOKEN: "x" };
      return (await rfaas(["executor-manager", "--config", file, ...flags], { env })).stderr;
    });
  assertMatch(await run(of([down])), /executorManager\.devices \(rxe0 port 1\)/);
  // With shm no device is read, so the start fails later: the folder cannot be created.
  assertMatch(await run(of([down]), "--fabric", "shm"), /null/);
  const faults = await run(of([{ device: "rxe0" }, { device: 1, port: 0 }]));
  assertMatch(faults, /devices\.0\.port: expected .*devices\.1\.device: expected string, got 1/);
});

Deno.test("a configuration file may begin with a byte order mark", async () => {
  await withFile("\ufeff{}", async (file) => {
    const { code, stderr } = await rfaas(["config", "show", "--config", file]);
    assertEquals([code, stderr], [0, ""]);
  });
});
