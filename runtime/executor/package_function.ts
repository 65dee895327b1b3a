/** The functions of a package as the worker calls them, whatever the package is made of. */

import type { FunctionContext } from "../functions/function_context.ts";

/** A function of a package. What it returns is checked: the bytes written, or a promise of them. */
export type PackageFunction = (input: Uint8Array, output: Uint8Array) => unknown;

/** A function that asks for the call's context. */
export type ContextFunction = (
  input: Uint8Array,
  output: Uint8Array,
  context: FunctionContext,
) => unknown;
