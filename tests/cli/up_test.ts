import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { firstLine } from "../../cli/children/first_line.ts";
import { eventually } from "../support/descriptors.ts";
import { rfaas, type Running, startRfaas } from "../support/cluster/rfaas_command.ts";
import { hostileEnvironment } from "../support/processes/hostile_environment.ts";
import { descendants, isAlive } from "../support/processes/process_table.ts";

const CLI = new URL("../../cli.ts", import.meta.url).pathname;
const FUNCTIONS = new URL("../../examples/demo/functions.ts", import.meta.url).pathname;

/** Runs `up` with a temporary folder of its own. */
async function withUp(
  test: (up: Running, env: Record<string, string>, folder: string) => Promise<void>,
) {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test,comma-" });
  try {
    await using up = await startRfaas(["up", "--cores", "2", "--memory", "1GiB"], {
      ...hostileEnvironment(),
      TMPDIR: folder,
      HTTP_PROXY: "http://127.0.0.1:9", // no server listens there
      // The store of a cluster: this one is not a part of it.
      RFAAS_RESOURCE_MANAGER_STORE_ADDRESS: "etcd://127.0.0.1:9",
    });
    const { manager, token } = up.ready;
    await test(up, { RFAAS_MANAGER: manager, RFAAS_TOKEN: token }, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("rfaas up --json prints the manager and the token, for invoke, nodes and leases", async () => {
  await withUp(async (up, env, folder) => {
    assertEquals(Object.keys(up.ready), ["manager", "token", "dashboard"]);
    const echoed = await rfaas(
      ["invoke", "echo", "--functions", FUNCTIONS, "--input", "-", "--output", "-"],
      { env, input: "bytes\0and more" },
    );
    assertEquals(echoed, { code: 0, stdout: "bytes\0and more", stderr: "" });

    const thrown = await rfaas(["invoke", "fail", "--functions", FUNCTIONS], { env });
    assertEquals({ code: thrown.code, stdout: thrown.stdout }, { code: 1, stdout: "" });
    assertMatch(thrown.stderr, /^rfaas: .*this function always throws\n$/);

    const colored = `${folder}/colored.js`;
    await Deno.writeTextFile(
      colored,
      'export function red() { throw new Error("\\x1b[31mred\\x07\\nline"); }',
    );
    const red = await rfaas(["invoke", "red", "--functions", colored], { env });
    assertMatch(red.stderr, /^rfaas: .*\\x1b\[31mred\\x07 line\n$/);

    const late = await rfaas(
      ["invoke", "spin", "--functions", FUNCTIONS, "--deadline-ms", "50"],
      { env },
    );
    assertEquals(late.code, 1);
    assertMatch(late.stderr, /^rfaas: .*\b50 ms\b.*\n$/);

    const cut = await new Deno.Command("/bin/sh", {
      args: [
        "-c",
        `head -c 1000000 /dev/zero | { "${Deno.execPath()}" run --allow-all --quiet "${CLI}" ` +
        `invoke echo --functions "${FUNCTIONS}" --input - --output -; echo $? >&2; } | head -c 1`,
      ],
      env: { ...env, NO_COLOR: "1" },
    }).output();
    assertEquals(new TextDecoder().decode(cut.stderr), "0\n");

    const nodes = await rfaas(["nodes", "--json"], { env });
    assertEquals(JSON.parse(nodes.stdout).nodes.map((node: { cores: number }) => node.cores), [2]);
    const listed = (await rfaas(["nodes"], { env })).stdout;
    assertMatch(listed, /^NAME +STATE[^]* SANDBOX[^]*\bup\b[^]*1 GiB/);
    const [{ sandbox }] = JSON.parse(nodes.stdout).nodes;
    assertMatch(sandbox, /^(bubblewrap|none)$/);
    assert(listed.includes(` ${sandbox} `), listed);
    assertEquals(JSON.parse((await rfaas(["leases", "--json"], { env })).stdout).leases, []);
    assertEquals((await rfaas(["leases"], { env })).stdout, "No leases\n");
  });
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`rfaas up ends on ${signal} and leaves nothing`, async () => {
    await withUp(async (up, env, folder) => {
      const processes = descendants(up.pid);
      assert(processes.length >= 2, `only ${processes}`);
      assertEquals(await up.end(signal), { success: true, code: 0, signal: null });
      assertEquals(processes.filter(isAlive), []);
      assertEquals([...Deno.readDirSync(folder)], []);
      const { port } = new URL(env.RFAAS_MANAGER!);
      await assertRejects(
        () => Deno.connect({ hostname: "127.0.0.1", port: Number(port) }),
        Deno.errors.ConnectionRefused,
      );
    });
  });
}

Deno.test("rfaas up killed by SIGKILL ends its managers too, and leaves no token", async () => {
  await withUp(async (up, _env, folder) => {
    const processes = descendants(up.pid);
    await up.end("SIGKILL");
    await eventually(() => !processes.some(isAlive), () => `${processes} live on`);
    assertEquals([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("rfaas up ends with status 1 when one of its managers dies", async () => {
  await withUp(async (up) => {
    for (const pid of descendants(up.pid)) {
      if (Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes("cli.ts\0resource-manager")) {
        Deno.kill(pid, "SIGKILL");
      }
    }
    const ended = await up.end("SIGCONT"); // it ends unprompted; the signal has no effect
    assertEquals(ended.code, 1);
  });
});

Deno.test("rfaas up names a folder for temporary files that is missing", async () => {
  const { code, stderr } = await rfaas(["up"], { env: { TMPDIR: "/no/folder" } });
  assertEquals([code, stderr], [
    1,
    "rfaas: Cannot make a temporary folder: there is no folder /no/folder, the value of TMPDIR: " +
    "No such file or directory (os error 2): tmpdir\n",
  ]);
});

Deno.test("rfaas up names a limit of open files that is too low", async () => {
  const { stderr } = await new Deno.Command("/bin/sh", {
    args: [
      "-c",
      `ulimit -n 60; exec timeout 30 "${Deno.execPath()}" run --allow-all --quiet "${CLI}" up`,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  assertMatch(
    new TextDecoder().decode(stderr),
    /^rfaas: Cannot start executor manager: this process may open 60 files, expected 128 or more/m,
  );
});

const isRoot = Deno.uid() === 0;

Deno.test({
  name: `rfaas up listens on ::1 where there is no 127.0.0.1${isRoot ? "" : " (needs root)"}`,
  ignore: !isRoot,
  fn: async () => {
    const script = `ip link set lo up && ip address delete 127.0.0.1/8 dev lo &&
      exec "${Deno.execPath()}" run --allow-all --quiet "${CLI}" up --json --until-stdin-ends --cores 1`;
    const child = new Deno.Command("unshare", {
      args: ["--net", "/bin/sh", "-c", script],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const line = await firstLine(child.stdout);
    assertMatch(JSON.parse(line!).manager, /^http:\/\/\[::1\]:\d+$/);
    await child.stdin.close();
    assertEquals((await child.status).code, 0);
  },
});
