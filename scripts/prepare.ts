/** Fetches all that the code needs, so that no test waits for the network. */

import { bundleModule } from "../runtime/package/bundle.ts";

/** What all packages are reached from. */
const ENTRIES = ["mod.ts", "cli.ts", "examples/demo/demo.ts"];
/** All modules below these, likewise. */
const FOLDERS = ["tests", "bench"];
/** What is bundled later. Bundling goes without the lock file, so it asks the registry for versions the first time. */
const BUNDLED = [
  "examples/demo/functions.ts",
  "runtime/executor/main.ts",
  "bench/functions.ts",
  "bench/page/script.ts",
];

/** Fetches the packages, as the lock file has them, and the bundler. */
export async function prepare(): Promise<void> {
  const root = new URL("..", import.meta.url);
  const files = [...ENTRIES];
  for (const folder of FOLDERS) files.push(...await modulesBelow(folder, root));
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", "--frozen", ...files],
    cwd: root,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("Cannot fetch the packages: see above");
  for (const module of BUNDLED) await bundleModule(new URL(module, root));
}

async function modulesBelow(folder: string, root: URL): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(new URL(folder, root))) {
    if (isDirectory) found.push(...await modulesBelow(`${folder}/${name}`, root));
    else if (isFile && name.endsWith(".ts")) found.push(`${folder}/${name}`);
  }
  return found;
}
