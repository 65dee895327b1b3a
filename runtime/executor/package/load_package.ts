/** Loads a JavaScript function package, in a worker that has given up every right that the package could misuse. */

import type { FunctionEntry } from "../../protocol/manifest.ts";
import type { LeaseContext } from "../../functions/function_context.ts";
import type { ContextFunction, PackageFunction } from "./package_function.ts";
import { entryOf } from "./function_entry.ts";
import { checkEntries } from "./package_entries.ts";
import { importModule } from "./module_exports.ts";
import { StreamKind, streamKind } from "./stream_kind.ts";

/** The functions of a package, in the order of their names. */
export interface LoadedPackage {
  /** What the manifest lists of each, for the client. */
  readonly entries: readonly FunctionEntry[];
  readonly functions: readonly PackageFunction[];
  /** The stream kind of each; none is a stream if this is left out. */
  readonly streams?: readonly StreamKind[];
  /** Runs before the first call. */
  readonly init?: Hook;
  /** Runs at the end of the lease. */
  readonly dispose?: Hook;
}

/** An exported function that clients cannot call. What it returns is awaited. */
export type Hook = (context: LeaseContext) => unknown;

/**
 * Imports the bundled module from memory, which needs no right to read files, and collects its functions.
 *
 * @param withContext wraps a function that has a third parameter, and passes it a context.
 * @throws {TypeError} when the package cannot be served. What the module throws while it loads passes through.
 */
export async function loadPackage(
  source: Uint8Array<ArrayBuffer>,
  withContext: (called: ContextFunction) => PackageFunction,
): Promise<LoadedPackage> {
  const { all, names } = await importModule(source);
  const entries: FunctionEntry[] = [];
  const functions: PackageFunction[] = [];
  const streams: StreamKind[] = [];
  for (let i = 0; i < names.length; i++) {
    const called = all[names[i]!] as ContextFunction;
    const entry = entries[i] = entryOf(names[i]!, called);
    // A function that is marked as a stream without being a generator function may return anything: that is awaited.
    const isStream = typeof entry !== "string" && entry.stream;
    streams[i] = isStream ? streamKind(called) || StreamKind.ASYNC : StreamKind.NONE;
    functions[i] = called.length >= 3 ? withContext(called) : called as PackageFunction;
  }
  checkEntries(entries);
  const { init, dispose } = all;
  return {
    entries,
    functions,
    streams,
    ...(typeof init === "function" ? { init: init as Hook } : {}),
    ...(typeof dispose === "function" ? { dispose: dispose as Hook } : {}),
  };
}
