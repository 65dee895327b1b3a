/** One kernel in TypeScript, WebAssembly and C, each opened in all ways that it can run in. */

import { runnableLibrary } from "./compile_library.ts";
import type { ExampleOptions } from "../example_options.ts";
import type { LeaseHost } from "../lease_host.ts";
import { openWays } from "../open_ways.ts";
import { functionsOf, type PlainFunction } from "../thread_words.ts";
import type { Way, WayFunctions } from "../way.ts";

/** The forms of a kernel. */
export interface KernelForms {
  /** A module with the functions. */
  readonly module: URL;
  /** A WebAssembly package, and a module that runs its functions. */
  readonly wasm: URL;
  readonly wasmModule: URL;
  /** The source in C, and flags of its compiler. */
  readonly source: URL;
  readonly flags: readonly string[];
  /** The limits of workers of which each has one of `parts` equal parts of the work. */
  limits(options: ExampleOptions, parts: number): Omit<WayFunctions, "module" | "leased">;
}

/** The ways of one kernel, open. The first way is the one with which the others are compared. */
export interface OpenKernel extends AsyncDisposable {
  readonly ways: readonly Way[];
  /** The functions with which this thread computes its share; absent where it only waits. */
  readonly own?: ReadonlyMap<string, PlainFunction>;
}

export interface KernelChoice {
  readonly name: string;
  open(options: ExampleOptions, host: LeaseHost, signal: AbortSignal): Promise<OpenKernel>;
}

/** Returns the kernels that this host can run in one of the chosen ways, and a reason for each other one. */
export async function findKernels(
  forms: KernelForms,
  { kinds }: Pick<ExampleOptions, "kinds">,
): Promise<{ kernels: KernelChoice[]; skipped: string[] }> {
  const kernels = [
    ownKernel("TypeScript", forms, forms.module),
    ownKernel("WebAssembly", forms, forms.wasmModule, forms.wasm),
  ];
  if (!kinds.includes("lease")) {
    return {
      kernels,
      skipped: ["C: only leased workers run a library, and --lease is not chosen"],
    };
  }
  const library = await runnableLibrary(forms.source, ...forms.flags);
  if (typeof library === "string") return { kernels, skipped: [`C: ${library}`] };
  return { kernels: [...kernels, nativeKernel(forms, library)], skipped: [] };
}

/** A kernel that this thread runs as well. */
function ownKernel(name: string, forms: KernelForms, module: URL, leased?: URL): KernelChoice {
  return {
    name,
    async open(options, host, signal) {
      const own = functionsOf(await import(module.href));
      const limits = forms.limits(options, options.workers + 1);
      const functions = { ...limits, module, ...(leased ? { leased } : {}) };
      const open = await openWays(options, functions, host, signal);
      return { ways: open.ways, own, [Symbol.asyncDispose]: () => open[Symbol.asyncDispose]() };
    },
  };
}

/** A library, which no thread of this process can run: one leased worker is compared with several, and this thread waits. */
function nativeKernel(forms: KernelForms, library: Uint8Array<ArrayBuffer>): KernelChoice {
  return {
    name: "C",
    async open(options, host) {
      await using opening = new AsyncDisposableStack();
      const ways: Way[] = [];
      for (const count of [1, options.workers + 1]) {
        const limits = forms.limits(options, count);
        const functions = { ...limits, module: forms.module, leased: library };
        ways.push(opening.use(await host.lease(count, functions)));
      }
      const opened = opening.move();
      return { ways, [Symbol.asyncDispose]: () => opened.disposeAsync() };
    },
  };
}
