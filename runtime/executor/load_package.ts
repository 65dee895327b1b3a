/** Loading a function package in a worker that has given up everything it could misuse. */

import { MAX_FUNCTIONS, MESSAGE_BYTES } from "../wire.ts";
import type { PackageFunction } from "./call_server.ts";

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
    URL.revokeObjectURL(url);
  }
  const names = Object.keys(module).filter((name) => typeof module[name] === "function").sort();
  if (names.length === 0) throw new TypeError("Cannot serve package: it exports no function");
  if (names.length > MAX_FUNCTIONS || names.join().length > MESSAGE_BYTES / 2) {
    throw new RangeError(
      `Cannot serve package: it exports ${names.length} functions, too many to list`,
    );
  }
  return { names, functions: names.map((name) => module[name] as PackageFunction) };
}
