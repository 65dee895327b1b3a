/** The packages for hosts without a registry: what is in them, and a call that is served from them. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { existsSync } from "node:fs";
import { firstLine } from "../../cli/children/first_line.ts";
import project from "../../deno.json" with { type: "json" };
import { buildPackages } from "../../scripts/package/build_packages.ts";
import { commandOutput } from "../../scripts/vm/command_output.ts";

const isBuilt = (await Promise.all([
  commandOutput(["dpkg-deb", "--version"]),
  commandOutput(["git", "rev-parse"], { cwd: import.meta.dirname! }),
]).catch(() => [])).length > 0;
/** No server listens there. */
const NOWHERE = "http://127.0.0.1:9";

/** Without a registry, and without a variable of this process. */
function environment(home: string): Record<string, string> {
  return {
    PATH: "/usr/bin:/bin",
    HOME: home,
    NO_COLOR: "1",
    RFAAS_DENO: Deno.execPath(),
    NPM_CONFIG_REGISTRY: NOWHERE,
    HTTP_PROXY: NOWHERE,
    HTTPS_PROXY: NOWHERE,
  };
}

/** Runs the command of a package. */
async function run(command: string, args: string[], env: Record<string, string>) {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    env,
    clearEnv: true,
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Starts both managers, and calls a function that imports the program. */
async function serveCall(program: string, folder: string, env: Record<string, string>) {
  const command = `${program}/bin/rfaas`;
  const functions = `${folder}/functions.ts`;
  await Deno.writeTextFile(
    functions,
    `import { defineFunction, json } from "${program}/functions.ts";
     const text = json<string>();
     export const shout = defineFunction({ input: text, output: text }, (t) => t.toUpperCase());`,
  );
  await Deno.writeTextFile(`${folder}/input`, '"hello"');
  const up = new Deno.Command(command, {
    args: ["up", "--json", "--cores", "1", "--memory", "512MiB", "--log-level", "error"],
    env,
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(up.stderr).text();
  const line = await firstLine(up.stdout);
  assert(line, line === undefined ? await errors : "");
  const { manager, token } = JSON.parse(line);
  const args = ["invoke", "shout", "--functions", functions, "--input", `${folder}/input`];
  const client = { ...env, RFAAS_MANAGER: manager, RFAAS_TOKEN: token };
  const called = await run(command, args, client);
  up.kill("SIGTERM");
  const { code } = await up.status;
  assertEquals({ called, code }, {
    called: { code: 0, stdout: '"HELLO"', stderr: "" },
    code: 0,
  });
  await errors;
}

/** The files of a package: `mode owner path`. */
async function filesOf(...command: [string, ...string[]]): Promise<string[]> {
  return (await commandOutput(command)).trim().split("\n").map((line) => {
    const [mode, owner, _size, _date, _time, ...path] = line.split(/ +/);
    return `${mode} ${owner} ${path.join(" ")}`;
  });
}

async function checkFiles(debian: string, archive: string): Promise<void> {
  const inDebian = await filesOf("dpkg-deb", "--contents", debian);
  const inArchive = await filesOf("tar", "--list", "--verbose", "--file", archive);
  const usual = /^(-rw-r--r--|-rwxr-xr-x|drwxr-xr-x|lrwxrwxrwx) root\/root /;
  assertEquals(inDebian.filter((line) => !usual.test(line)), []);
  const below = (lines: string[], folder: string) =>
    lines.filter((line) => line.includes(folder)).map((line) => line.replace(folder, "")).sort();
  const program = below(inDebian, " ./opt/rfaas/");
  assertEquals(program, below(inArchive, ` rfaas-${project.version}/`));
  assertMatch(
    program.filter((line) => line.startsWith("-rwx")).map((line) => line.slice(20)).join("\n"),
    /^bin\/rfaas\ncache\/dl\/esbuild-.*\/esbuild-.*\n(integrations\/slurm\/.*\/50-rfaas\n?){2}$/,
  );
  const others = inDebian.map((line) => line.replace(/^\S+ \S+ \./, ""))
    .filter((path) => !path.startsWith("/opt/rfaas/") && !path.endsWith("/"));
  assertEquals(others.sort(), [
    "/usr/bin/rfaas -> /opt/rfaas/bin/rfaas",
    ...["CHANGELOG.md", "README.md"].map(documentation),
    "/usr/share/doc/rfaas/copyright",
    ...["docs", "integrations"].map(documentation),
    "/usr/share/man/man1/rfaas.1.gz -> /opt/rfaas/share/man/man1/rfaas.1.gz",
    "/usr/share/modules/modulefiles/rfaas",
  ]);
  const text = program.join("\n");
  assertStringIncludes(text, "node_modules/hono/package.json");
  assertEquals(/fast-check|playwright|(^|\s)tests\/|deno\.lock/.exec(text)?.[0], undefined);
}

function documentation(name: string): string {
  return `/usr/share/doc/rfaas/${name} -> /opt/rfaas/${name}`;
}

/** The root has no shell: the scripts of the package run in that of this host. */
const FORCED = ["--force-depends", "--force-script-chrootless"];
const UNITS = "etc/systemd/system";

/** `dpkg` with a root of its own: no file of this host is changed. */
async function checkInstallation(debian: string, root: string): Promise<void> {
  const dpkg = (...args: string[]) =>
    commandOutput(["dpkg", `--root=${root}`, "--log=/dev/null", ...FORCED, ...args], {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
    });
  await Deno.mkdir(`${root}/var/lib/dpkg/info`, { recursive: true });
  await Deno.mkdir(`${root}/var/lib/dpkg/updates`);
  await Deno.writeTextFile(`${root}/var/lib/dpkg/status`, "");
  await dpkg("--install", debian);
  assertMatch(await dpkg("--status", "rfaas"), /^Status: install ok installed$/m);
  assertEquals((await Deno.lstat(`${root}/usr/bin/rfaas`)).isSymlink, true);
  const units = ["rfaas-executor-manager.service", "rfaas-resource-manager.service", "rfaas.slice"];
  await Deno.mkdir(`${root}/${UNITS}`, { recursive: true });
  for (const unit of units) {
    await Deno.writeTextFile(`${root}/${UNITS}/${unit}`, "ExecStart=/usr/bin/env /opt/rfaas/x\n");
  }
  const others = `${root}/${UNITS}/rfaas-slurm.service`;
  await Deno.writeTextFile(others, "");
  await Deno.mkdir(`${root}/var/cache/rfaas/deno-rfaas`, { recursive: true });
  await Deno.mkdir(`${root}/var/lib/rfaas`);
  await dpkg("--install", debian); // as an upgrade does
  for (const unit of units) assertEquals(existsSync(`${root}/${UNITS}/${unit}`), true, unit);
  const removal = await dpkg("--remove", "rfaas");
  for (const unit of units.slice(0, 2)) assertStringIncludes(removal, `Removed ${unit}\n`);
  assertStringIncludes(await dpkg("--purge", "rfaas"), "Kept /var/lib/rfaas: ");
  await Deno.remove(others); // not of the package
  for (const folder of ["", "/systemd", "/systemd/system"].toReversed()) {
    await Deno.remove(`${root}/etc${folder}`);
  }
  const left = (await listing(root)).filter((path) => !/^($|var($|\/lib($|\/dpkg)))/.test(path));
  assertEquals(left, ["opt", "var/cache", "var/lib/rfaas"]);
}

/** The paths below a folder. */
async function listing(folder: string): Promise<string[]> {
  return (await commandOutput(["find", folder, "-printf", "%P\n"])).split("\n").sort();
}

Deno.test({
  name: `packages serve a call without a registry${isBuilt ? "" : " (needs dpkg-deb and git)"}`,
  ignore: !isBuilt,
  async fn(t) {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-test-packages-" });
    try {
      const { debian, archive } = await buildPackages(`${folder}/built`);
      await t.step("they have the same files, and no others", () => checkFiles(debian, archive));
      await t.step({
        name: "dpkg installs and purges one (needs root)",
        ignore: Deno.uid() !== 0,
        fn: () => checkInstallation(debian, `${folder}/installed`),
      });

      await commandOutput(["dpkg-deb", "--extract", debian, `${folder}/host`]);
      const program = `${folder}/host/opt/rfaas`;
      const command = `${program}/bin/rfaas`;
      const before = await listing(program);
      const home = `${folder}/home`;
      await Deno.mkdir(home);
      await t.step("a call is served", () => serveCall(program, folder, environment(home)));
      await t.step("a service starts by the command", async () => {
        const args = ["service", "install", "--dry-run", "resource-manager"];
        const { stdout } = await run(command, args, environment(home));
        const start = `/usr/bin/env RFAAS_DENO=${Deno.execPath()} ${command} resource-manager`;
        assertStringIncludes(stdout, `\nExecStart=${start} --state `);
      });
      await t.step("nothing is written to the program", async () => {
        assertEquals(await listing(program), before);
      });
      await t.step("a cache that cannot be written is not needed", async () => {
        const env = { ...environment(home), XDG_CACHE_HOME: "/dev/null" };
        const { stdout, stderr } = await run(command, ["version"], env);
        assertEquals({ stdout, stderr }, {
          stdout: `rfaas ${project.version} on Deno ${Deno.version.deno}\n`,
          stderr: "",
        });
      });
      await t.step("without Deno the command states the reason", async () => {
        const refusal = async (env: Record<string, string>) => {
          const { code, stdout, stderr } = await run(command, ["version"], { PATH: home, ...env });
          assertEquals([code, stdout], [1, ""]);
          return stderr;
        };
        assertEquals(
          await refusal({ RFAAS_DENO: home }),
          `rfaas: Cannot start rfaas: there is no program ${home}, which RFAAS_DENO names\n`,
        );
        if (existsSync("/usr/local/bin/deno")) return;
        assertMatch(
          await refusal({}),
          /^rfaas: Cannot start rfaas: there is no deno in .* install Deno \d+\.\d+\.\d+, see https:\/\/docs\.deno\.com\/.*\n$/,
        );
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
