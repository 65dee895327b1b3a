/** The Prolog without Slurm: one request to a resource manager, or the command if anything is unusual. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { TestManager } from "../../support/manager/test_manager.ts";
import { until } from "../../support/waiting.ts";
import { exists } from "../../support/exists.ts";

const HOOK = new URL("../../../integrations/slurm/prolog.d/50-rfaas", import.meta.url);
/** The hook requires a token file of root. */
const needsTools = Deno.uid() === 0 && exists("/usr/bin/curl") && exists("/usr/bin/flock")
  ? ""
  : " (needs root and curl)";

interface Options {
  /** More settings. */
  readonly settings?: string;
  readonly manager?: string;
  readonly tokenMode?: number;
  readonly variables?: Record<string, string>;
}

/** A resource manager with the node `n1`, and a Prolog whose command only writes its arguments. */
async function setUp() {
  await using opening = new AsyncDisposableStack();
  const test = opening.use(await TestManager.start());
  const { node } = await test.register("n1");
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  opening.defer(() => Deno.remove(dir, { recursive: true }));
  const write = (name: string, text: string, mode = 0o755) =>
    Deno.writeTextFile(`${dir}/${name}`, text, { mode });
  await write("rfaas", `#!/bin/sh\necho "command: $*"\n`);
  await write(
    "prolog",
    (await Deno.readTextFile(HOOK)).replace("/etc/rfaas/slurm.env", `${dir}/slurm.env`)
      .replace("/run/rfaas/slurm", `${dir}/jobs`).replaceAll("logger -t rfaas-slurm", "cat"),
  );
  const held = opening.move();
  return {
    test,
    node,
    dir,
    /** Runs it. @returns what it logs. */
    run: async (options: Options = {}) => {
      const { settings = "", manager = test.url, tokenMode = 0o600, variables = {} } = options;
      await write("token", `${test.token("node")}\n`, tokenMode);
      await Deno.chmod(`${dir}/token`, tokenMode);
      await write(
        "slurm.env",
        `RFAAS=${dir}/rfaas\nRFAAS_MANAGER=${manager}\nRFAAS_TOKEN_FILE=${dir}/token\n` +
          `RFAAS_GRACE=0.5\nRFAAS_TIMEOUT=9\nRFAAS_SECONDS=60\n${settings}`,
      );
      const { code, stdout, stderr } = await new Deno.Command(`${dir}/prolog`, {
        env: { SLURM_JOB_ID: "7", SLURMD_NODENAME: "n1", ...variables },
        clearEnv: true,
        stdin: "null",
      }).output();
      assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
      return new TextDecoder().decode(stdout);
    },
    /** The node's heartbeats, which confirm what it lends. */
    confirm: async () => {
      const beat = async (lentRevision?: number) => {
        const confirms = lentRevision === undefined ? {} : { lentRevision };
        return (await test.node.heartbeat(node, { epoch: 1, leases: [], ...confirms })).lent;
      };
      await beat((await beat()).revision);
    },
    drainedBy: async () => (await test.operator.nodes()).nodes[0]!.drainedBy,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

Deno.test({
  name: `the Prolog reclaims a node by one request, and no argument has the token${needsTools}`,
  ignore: needsTools !== "",
  fn: async () => {
    await using set = await setUp();
    let isOver = false;
    const running = set.run().finally(() => isOver = true);
    await until(async () => (await set.drainedBy()).length === 1, () => "the node drains");
    const lines = commandLines();
    assert(lines.some((line) => line.includes("curl")), "it waits for the response");
    assertEquals(lines.filter((line) => line.includes(set.test.token("node"))), []);
    assertEquals([...Deno.readDirSync(`${set.dir}/jobs/n1`)].map(({ name }) => name), ["7"]);
    while (!isOver) await set.confirm();
    assertMatch(await running, /^n1 is free after \d+ ms\n$/);
    assertEquals(await set.drainedBy(), ["slurm"]);
  },
});

Deno.test({
  name: `the Prolog tries each resource manager in turn${needsTools}`,
  ignore: needsTools !== "",
  fn: async () => {
    await using set = await setUp();
    let isOver = false;
    const running = set.run({ manager: `http://127.0.0.1:1,${set.test.url}/` })
      .finally(() => isOver = true);
    while (!isOver) await set.confirm();
    assertMatch(await running, /^n1 is free after \d+ ms\n$/);
  },
});

Deno.test({
  name: `the Prolog leaves all that is unusual to the command${needsTools}`,
  ignore: needsTools !== "",
  fn: async () => {
    await using set = await setUp();
    const command = /^command: slurm reclaim --jobs \S+ --token-file \S+ --grace \S+ --timeout \S+/;
    const unusual: Record<string, Options> = {
      "a token that others can read": { tokenMode: 0o640 },
      "processors that are shared": { settings: "RFAAS_CPUS=4\n" },
      "a proxy": { settings: "HTTPS_PROXY=http://127.0.0.1:1\n" },
      "an address of another kind": { manager: "unix:/none" },
      "no resource manager": { manager: "http://127.0.0.1:1" },
      "a path as the name of a job": { variables: { SLURM_JOB_ID: "../7" } },
      "a node that is not registered": { variables: { SLURMD_NODENAME: "n2" } },
      "a setting that is no number": { settings: "RFAAS_GRACE=x\n" },
    };
    for (const [what, options] of Object.entries(unusual)) {
      assertMatch(await set.run(options), command, what);
    }
    assertEquals(await set.drainedBy(), []);
    assertMatch(await set.run({ settings: "RFAAS_DRY_RUN=1\n" }), /^command: .* --dry-run\n$/);
    // The node does not confirm.
    assertMatch(await set.run({ settings: "RFAAS_TIMEOUT=0\n" }), command);
    assertEquals(await set.drainedBy(), ["slurm"]);
  },
});

/** The arguments of all processes, as every user can read them. */
function commandLines(): string[] {
  return [...Deno.readDirSync("/proc")].flatMap(({ name }) => {
    try {
      return /^\d+$/.test(name) ? [Deno.readTextFileSync(`/proc/${name}/cmdline`)] : [];
    } catch {
      return []; // it has ended
    }
  });
}
