/** The files of the program, as they are published, with a command that starts it. */

import { existsSync } from "node:fs";
import { createProgram } from "../../cli/program.ts";
import project from "../../deno.json" with { type: "json" };
import { commandOutput } from "../vm/command_output.ts";
import { git, ROOT } from "./checkout.ts";
import { manualPage } from "./manual_page.ts";
import type { NpmPackages } from "./npm_packages.ts";

/** The command. The program finds out by this file that it is in a package. */
const COMMAND = "bin/rfaas";

const MANUAL = "share/man/man1";

/**
 * Copies the files of the checkout that git does not ignore, and adds the command and its manual page.
 *
 * @param seconds the date of that page, since 1970.
 */
export async function addProgram(
  folder: string,
  packages: NpmPackages,
  seconds: string,
): Promise<void> {
  const paths = (await git(
    "ls-files",
    "-z",
    "--cached",
    "--others",
    "--exclude-standard",
    "--",
    ...project.publish.include,
  )).split("\0").filter((path) => existsSync(`${ROOT}${path}`) && path !== "");
  await Deno.mkdir(`${folder}/bin`, { recursive: true });
  await commandOutput(["cp", "--parents", `--target-directory=${folder}`, "--", ...paths], {
    cwd: ROOT,
  });
  await Deno.writeTextFile(`${folder}/deno.json`, packagedConfig(packages));
  const command = await Deno.readTextFile(new URL("rfaas.sh", import.meta.url));
  await Deno.writeTextFile(
    `${folder}/${COMMAND}`,
    command.replace("DENO_VERSION", Deno.version.deno),
  );
  await Deno.chmod(`${folder}/${COMMAND}`, 0o755);
  await Deno.mkdir(`${folder}/${MANUAL}`, { recursive: true });
  const page = `${folder}/${MANUAL}/rfaas.1`;
  await Deno.writeTextFile(page, manualPage(createProgram(), project.version, seconds));
  await commandOutput(["gzip", "--best", "--no-name", page]);
}

/** The configuration without what only developers use. The packages are those in `node_modules`, without a lock file. */
function packagedConfig(packages: NpmPackages): string {
  const { name, version, license, exports, unstable, imports, compilerOptions } = project;
  const used = Object.entries(imports).filter(([, to]) =>
    !to.startsWith("npm:") || packages.has(to.slice("npm:".length))
  );
  return `${
    JSON.stringify(
      {
        ...{ name, version, license, exports, unstable },
        nodeModulesDir: "manual",
        lock: false,
        imports: Object.fromEntries(used),
        compilerOptions,
      },
      undefined,
      2,
    )
  }\n`;
}
