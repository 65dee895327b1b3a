/**
 * The npm packages of the program, as a `node_modules` folder. Deno looks for packages there without a registry, whichever
 * one the host is configured for. In its cache it finds only those of the registry that they were downloaded from.
 */

import project from "../../deno.json" with { type: "json" };
import { commandOutput } from "../vm/command_output.ts";
import { ROOT } from "./checkout.ts";

/** A package in Deno's cache. */
interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** The keys of the packages that it needs. */
  readonly dependencies: readonly string[];
  readonly localPath: string;
}

/** By name and version: `hono@4.13.19`, with the peers after them: `a@1.0.0_b@2.0.0`. */
export type NpmPackages = ReadonlyMap<string, NpmPackage>;

/** What `deno info --json` prints of a module and all that it imports. */
export interface ModuleGraph {
  readonly modules: readonly { readonly npmPackage?: string }[];
  /** All of the lock file. */
  readonly npmPackages: Readonly<Record<string, NpmPackage>>;
}

/** Returns the packages that the entry points need, which are downloaded if Deno's cache lacks them. */
export async function npmPackages(): Promise<NpmPackages> {
  const entries = Object.values(project.exports);
  const deno = Deno.execPath();
  await commandOutput([deno, "cache", "--quiet", "--frozen", ...entries], { cwd: ROOT });
  const graphs = await Promise.all(
    entries.map((entry) => commandOutput([deno, "info", "--json", entry], { cwd: ROOT })),
  );
  return packagesOf(graphs.map((text) => JSON.parse(text)));
}

/** The packages of the modules, and those that these need. */
export function packagesOf(graphs: readonly ModuleGraph[]): NpmPackages {
  const found = new Map<string, NpmPackage>();
  const add = (key: string, all: ModuleGraph["npmPackages"]) => {
    const npmPackage = all[key];
    if (npmPackage === undefined || found.has(key)) return;
    found.set(key, npmPackage);
    for (const dependency of npmPackage.dependencies) add(dependency, all);
  };
  for (const { modules, npmPackages } of graphs) {
    for (const { npmPackage } of modules) {
      if (npmPackage !== undefined) add(npmPackage, npmPackages);
    }
  }
  return found;
}

/**
 * Copies the packages into `node_modules`, side by side.
 *
 * @throws {Error} If there are two versions of a package, one of which must be within the package that needs it.
 */
export async function addNpmPackages(folder: string, packages: NpmPackages): Promise<void> {
  const versions = new Map<string, string>();
  for (const { name, version, localPath } of packages.values()) {
    const other = versions.get(name);
    if (other === version) continue; // with other peers
    if (other !== undefined) {
      throw new Error(`Cannot package ${name}: there are versions ${other} and ${version} of it`);
    }
    versions.set(name, version);
    const to = `${folder}/node_modules/${name}`;
    await Deno.mkdir(to, { recursive: true });
    await commandOutput(["cp", "--recursive", `${localPath}/.`, to]);
  }
}
