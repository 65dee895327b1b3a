/** The functions of a package as the worker calls them. They are the same for all kinds of packages. */

import type { FunctionContext } from "../../functions/function_context.ts";

/** A function of a package. It should return the number of bytes written, or a promise of it; the worker checks that. */
export type PackageFunction = (input: Uint8Array, output: Uint8Array) => unknown;

/** A function that takes the call's context as well. */
export type ContextFunction = (
  input: Uint8Array,
  output: Uint8Array,
  context: FunctionContext,
) => unknown;
