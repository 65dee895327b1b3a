import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { eventually } from "../support/descriptors.ts";
import { descendants, isAlive, rfaas, type Running, startRfaas } from "./rfaas.ts";

const FUNCTIONS = new URL("../../examples/demo/functions.ts", import.meta.url).pathname;

/** Temporary folders of `up`, in a place of this test's own. */
async function withUp(
  test: (up: Running, env: Record<string, string>, folder: string) => Promise<void>,
) {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    await using up = await startRfaas(["up", "--cores", "2", "--memory", "1GiB"], {
      TMPDIR: folder,
    });
    const { manager, token } = up.ready;
    await test(up, { RFAAS_MANAGER: manager, RFAAS_TOKEN: token }, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("rfaas up --json gives manager and token; invoke, nodes and leases take them", async () => {
  await withUp(async (up, env) => {
    assertEquals(Object.keys(up.ready), ["manager", "token"]);
    const echoed = await rfaas(
      ["invoke", "echo", "--functions", FUNCTIONS, "--input", "-", "--output", "-"],
      { env, input: "bytes\0and more" },
    );
    assertEquals(echoed, { code: 0, stdout: "bytes\0and more", stderr: "" });

    const thrown = await rfaas(["invoke", "fail", "--functions", FUNCTIONS], { env });
    assertEquals({ code: thrown.code, stdout: thrown.stdout }, { code: 1, stdout: "" });
    assertMatch(thrown.stderr, /^rfaas: .*this function always throws\n$/);

    const late = await rfaas(
      ["invoke", "spin", "--functions", FUNCTIONS, "--deadline-ms", "50"],
      { env },
    );
    assertEquals(late.code, 1);
    assertMatch(late.stderr, /^rfaas: .*\b50 ms\b.*\n$/);

    const nodes = await rfaas(["nodes", "--json"], { env });
    assertEquals(JSON.parse(nodes.stdout).nodes.map((node: { cores: number }) => node.cores), [2]);
    assertMatch((await rfaas(["nodes"], { env })).stdout, /^NAME +STATE[^]*\bup\b[^]*1\.0 GiB/);
    assertEquals(JSON.parse((await rfaas(["leases", "--json"], { env })).stdout).leases, []);
    assertEquals((await rfaas(["leases"], { env })).stdout, "There are no leases\n");
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

Deno.test("rfaas up killed by SIGKILL takes its managers with it", async () => {
  await withUp(async (up) => {
    const processes = descendants(up.pid);
    await up.end("SIGKILL");
    await eventually(() => !processes.some(isAlive), () => `${processes} live on`);
  });
});

Deno.test("rfaas up ends with status 1 when one of its managers dies", async () => {
  await withUp(async (up) => {
    for (const pid of descendants(up.pid)) {
      if (Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes("cli.ts\0resource-manager")) {
        Deno.kill(pid, "SIGKILL");
      }
    }
    const ended = await up.end("SIGCONT"); // it ends by itself; the signal does nothing
    assertEquals(ended.code, 1);
  });
});
