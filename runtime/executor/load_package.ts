/** Loading a function package in a worker that has given up everything it could misuse. */

import { MAX_FUNCTIONS, MESSAGE_BYTES } from "../wire.ts";
import type { PackageFunction } from "./call_server.ts";

// Held before foreign code is loaded: it may replace what hangs on the globals and prototypes.
const revoke = URL.revokeObjectURL;
const keysOf = Object.keys;
const sort: (names: string[]) => string[] = Function.prototype.call.bind(Array.prototype.sort);
const TypeFailure = TypeError;
const RangeFailure = RangeError;

/** The functions of a package, in the order of their names. */
export interface LoadedPackage {
  readonly names: readonly string[];
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
  let characters = 0;
  for (let i = 0; i < exported.length; i++) {
    const name = exported[i]!;
    if (typeof module[name] !== "function") continue;
    names[names.length] = name;
    characters += name.length + 1;
  }
  if (names.length === 0) throw new TypeFailure("Cannot serve package: it exports no function");
  if (names.length > MAX_FUNCTIONS || characters > MESSAGE_BYTES / 2) {
    throw new RangeFailure(
      `Cannot serve package: it exports ${names.length} functions, too many to list`,
    );
  }
  sort(names);
  const functions: PackageFunction[] = [];
  for (let i = 0; i < names.length; i++) functions[i] = module[names[i]!] as PackageFunction;
  return { names, functions };
}
