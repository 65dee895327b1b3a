/** The bundler, which Deno downloads into its cache at the first `deno bundle`. */

import { commandOutput } from "../vm/command_output.ts";
import { ROOT } from "./checkout.ts";

/** A module that needs no package. */
const MODULE = `${ROOT}runtime/executor/worker.ts`;
/** No server listens there. */
const NOWHERE = "http://127.0.0.1:9";

/**
 * Adds the folder `cache` with the bundler of this Deno, and of this architecture.
 *
 * @param work a folder for what is tried.
 * @throws {Error} If no bundler works.
 */
export async function addBundler(folder: string, work: string): Promise<void> {
  await bundle({}); // downloads it
  const { denoDir } = JSON.parse(await commandOutput([Deno.execPath(), "info", "--json"]));
  // Each version of Deno looks for a certain version.
  for await (const { name } of Deno.readDir(`${denoDir}/dl`)) {
    const tried = `${work}/${name}`;
    await Deno.mkdir(`${tried}/dl`, { recursive: true });
    await commandOutput(["cp", "--recursive", `${denoDir}/dl/${name}`, `${tried}/dl`]);
    const works = await bundle({ DENO_DIR: tried, NPM_CONFIG_REGISTRY: NOWHERE })
      .then(() => true, () => false);
    if (!works) continue;
    await Deno.mkdir(`${folder}/cache`);
    return await Deno.rename(`${tried}/dl`, `${folder}/cache/dl`);
  }
  throw new Error(`Cannot package the bundler: none in ${denoDir}/dl works`);
}

async function bundle(env: Record<string, string>): Promise<void> {
  await commandOutput([Deno.execPath(), "bundle", "--quiet", "--platform=deno", MODULE], { env });
}
