/**
 * Builds packages for hosts that reach no npm registry, an archive and a package of Debian: `deno task package [FOLDER]`.
 *
 * @module
 */
import { buildPackages } from "./package/build_packages.ts";

if (import.meta.main) {
  const folder = Deno.args[0] ?? await Deno.makeTempDir({ prefix: "rfaas-packages-" });
  const { archive, debian, changed } = await buildPackages(folder);
  if (changed > 0) console.error(`${changed} files differ from the last commit`);
  console.log(`${archive}\n${debian}`);
}
