/** Fetches everything that the code needs, so that no test waits for the network. */

import { bundleModule } from "../runtime/package/bundle.ts";

/** The modules that import all packages, directly or not. */
const ENTRIES = [
  "mod.ts",
  "cli.ts",
  "examples/demo/demo.ts",
  "examples/jacobi/jacobi.ts",
];
/** Folders whose modules are fetched too. */
const FOLDERS = ["std", "tests", "bench"];
/** Modules that are bundled later. Bundling ignores the lock file, so the first time it queries the registry for versions. */
const BUNDLED = [
  "examples/demo/functions.ts",
  "examples/black_scholes/kernel.ts",
  "examples/jacobi/functions.ts",
  "examples/matrix_product/functions.ts",
  "examples/monte_carlo/functions.ts",
  "examples/offload/functions.ts",
  "examples/thumbnails/functions.ts",
  "runtime/executor/main.ts",
  "bench/functions.ts",
  "bench/page/script.ts",
];

/** Examples whose packages are large, and have a lock file of their own. */
export const HEAVY_EXAMPLES = ["examples/image_recognition", "examples/text_recognition"];
const ROOT = new URL("..", import.meta.url);

/** Fetches the packages in the lock file, and the bundler. */
export async function prepare(): Promise<void> {
  const files = [...ENTRIES];
  for (const folder of FOLDERS) files.push(...await modulesBelow(folder));
  await deno(["cache", "--quiet", "--frozen", ...files]);
  for (const module of BUNDLED) await bundleModule(new URL(module, ROOT));
  for (const folder of HEAVY_EXAMPLES) { // building fetches
    await deno(["run", "--quiet", "--allow-all", "--frozen", `${folder}/build_package.ts`]);
  }
}

async function deno(args: readonly string[]): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("Cannot fetch the packages: see above");
}

async function modulesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory) found.push(...await modulesBelow(`${folder}/${name}`));
    else if (isFile && name.endsWith(".ts")) found.push(`${folder}/${name}`);
  }
  return found;
}
