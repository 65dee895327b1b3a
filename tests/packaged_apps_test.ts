/** Apps that `deno bundle` or `deno compile` has made. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { anyFabric } from "./support/cluster/test_fabric.ts";
import { startCluster } from "./support/cluster/cluster.ts";

const rfaas = new URL("../", import.meta.url);

const FUNCTIONS = "export const echo = (input, output) => { output.set(input); return 1; };";

const APP = `import { connect } from "${rfaas.href}mod.ts";
await using client = await connect();
await using lease = await client.lease({ functions: "functions.js" });
console.log(await lease.invoke("echo", Uint8Array.of(7)));`;

/** Runs Deno in a folder. */
async function deno(args: string[], cwd: string, env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    stdin: "null",
    env: { NO_COLOR: "1", ...env },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-app-" });
  try {
    await Deno.writeTextFile(`${folder}/app.ts`, APP);
    await Deno.writeTextFile(`${folder}/functions.js`, FUNCTIONS);
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test(anyFabric("a bundled app needs rfaas beside its bundle"), async (t) => {
  await using cluster = await startCluster({ cores: 1 });
  const env = { RFAAS_MANAGER: cluster.managerUrl, RFAAS_TOKEN: cluster.clientToken };
  await inFolder(async (folder) => {
    for (const external of [[], ["--external", `${rfaas.pathname}*`]]) {
      const args = ["bundle", "--quiet", ...external, "--output", "bundle.js", "app.ts"];
      assertEquals((await deno(args, folder)).stderr, "");
      const { code, stdout, stderr } = await deno(["run", "--allow-all", "bundle.js"], folder, env);
      await t.step(external.length === 0 ? "inside, refused" : "beside, served", () => {
        if (external.length > 0) {
          assertEquals({ code, stdout, stderr }, {
            code: 0,
            stdout: "Uint8Array(1) [ 7 ]\n",
            stderr: "",
          });
        } else {
          assertEquals(code, 1);
          assertStringIncludes(stderr, "FabricUnavailableError: Cannot keep leases: there is no ");
          assertMatch(stderr, /keeper_worker\.ts\. A bundled app needs .* --external/);
        }
      });
    }
  });
});

Deno.test("the module that the keeper starts from is part of a compiled app", async () => {
  await inFolder(async (folder) => {
    const { stdout } = await deno(["info", "--json", "app.ts"], folder);
    assertStringIncludes(stdout, `"${rfaas.href}runtime/keeper/keeper_worker.ts"`);
  });
});

/**
 * Stands for a compiled app, for which Deno downloads a runtime that not every machine can get: it is what
 * `Deno.execPath()` names, so that it would start itself.
 */
const COMPILED = `
  const build = { ...Deno.build, standalone: true };
  const { execPath } = Deno;
  Object.defineProperty(globalThis, "Deno", {
    value: Object.create(Deno, { build: { value: build }, execPath: { value: () => "/bin/true" } }),
  });
  const { readPackage } = await import("${rfaas.href}runtime/package/read_package.ts");
  await readPackage("functions.js").then(
    ({ source }) => console.log(source.length > 0),
    ({ name, message }) => console.log(name, message),
  );`;

Deno.test("a compiled app bundles functions by a deno of the PATH, and never starts itself", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/compiled.ts`, COMPILED);
    await Deno.symlink(Deno.execPath(), `${folder}/deno`);
    const run = async (PATH: string) =>
      (await deno(["run", "--allow-all", "compiled.ts"], folder, { PATH })).stdout;
    assertEquals(await run(folder), "true\n");
    assertMatch(
      await run("/nowhere"),
      /^LeaseRefusedError Cannot bundle file:.*functions\.js: a compiled program has no bundler/,
    );
  });
});
