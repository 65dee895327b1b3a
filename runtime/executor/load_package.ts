/** Loading a function package in a worker that has given up everything it could misuse. */

import type { FunctionEntry } from "../manifest.ts";
import type { PackageFunction } from "./call_server.ts";
import { entryOf } from "./function_entry.ts";
import { checkEntries } from "./package_entries.ts";

// Held before foreign code is loaded: it may replace what hangs on the globals and prototypes.
const revoke = URL.revokeObjectURL;
const keysOf = Object.keys;
const sort: (names: string[]) => string[] = Function.prototype.call.bind(Array.prototype.sort);
const TypeFailure = TypeError;

/** The functions of a package, in the order of their names. */
export interface LoadedPackage {
  /** What the client is told of them. */
  readonly entries: readonly FunctionEntry[];
  readonly functions: readonly PackageFunction[];
}

/**
 * Imports the bundled module from memory (no file is read, so none need be readable) and takes its functions.
 *
 * @throws what the module throws while it is loaded, or an error that says why it can't be served.
 */
export async function loadPackage(source: Uint8Array<ArrayBuffer>): Promise<LoadedPackage> {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  let module: Record<string, unknown>;
  try {
    module = await import(url);
  } finally {
    revoke(url);
  }
  const exported = keysOf(module);
  const names: string[] = [];
  for (let i = 0; i < exported.length; i++) {
    const name = exported[i]!;
    if (typeof module[name] === "function") names[names.length] = name;
  }
  if (names.length === 0) throw new TypeFailure("Cannot serve package: it exports no function");
  sort(names);
  const entries: FunctionEntry[] = [];
  const functions: PackageFunction[] = [];
  for (let i = 0; i < names.length; i++) {
    functions[i] = module[names[i]!] as PackageFunction;
    entries[i] = entryOf(names[i]!, functions[i]!);
  }
  checkEntries(entries);
  return { entries, functions };
}
