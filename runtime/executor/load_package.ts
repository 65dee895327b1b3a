/** Loading a function package in a worker that has given up everything it could misuse. */

import type { FunctionEntry } from "../protocol/manifest.ts";
import type { LeaseContext } from "../functions/function_context.ts";
import type { ContextFunction, PackageFunction } from "./package_function.ts";
import { entryOf } from "./function_entry.ts";
import { checkEntries } from "./package_entries.ts";
import { StreamKind, streamKind } from "./stream_kind.ts";

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
  /** Which of them give many results. */
  readonly streams?: readonly StreamKind[];
  /** Called before the first call, and at the end of the lease. */
  readonly init?: Hook;
  readonly dispose?: Hook;
}

/** A function of a package that no client can call. What it returns is awaited. */
export type Hook = (context: LeaseContext) => unknown;

/** Exports under these names are hooks. */
const HOOKS = ["init", "dispose"] as const;

/**
 * Imports the bundled module from memory (no file is read, so none need be readable) and takes its functions.
 *
 * @param withContext gives a function its context, if it has a third parameter.
 * @throws what the module throws while it is loaded, or an error that says why it can't be served.
 */
export async function loadPackage(
  source: Uint8Array<ArrayBuffer>,
  withContext: (called: ContextFunction) => PackageFunction,
): Promise<LoadedPackage> {
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
    if (name === HOOKS[0] || name === HOOKS[1]) continue;
    if (typeof module[name] === "function") names[names.length] = name;
  }
  if (names.length === 0) throw new TypeFailure("Cannot serve package: it exports no function");
  sort(names);
  const entries: FunctionEntry[] = [];
  const functions: PackageFunction[] = [];
  const streams: StreamKind[] = [];
  for (let i = 0; i < names.length; i++) {
    const called = module[names[i]!] as ContextFunction;
    const entry = entries[i] = entryOf(names[i]!, called);
    // One that is marked as a stream and no generator function may give whatever it likes: that is awaited.
    const isStream = typeof entry !== "string" && entry.stream;
    streams[i] = isStream ? streamKind(called) || StreamKind.ASYNC : StreamKind.NONE;
    functions[i] = called.length >= 3 ? withContext(called) : called as PackageFunction;
  }
  checkEntries(entries);
  const { init, dispose } = module;
  return {
    entries,
    functions,
    streams,
    ...(typeof init === "function" ? { init: init as Hook } : {}),
    ...(typeof dispose === "function" ? { dispose: dispose as Hook } : {}),
  };
}
