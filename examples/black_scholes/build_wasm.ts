/**
 * Compiles kernel.as to kernel.wasm. The repository has both, so the compiler is needed only to change the kernel.
 *
 * @example
 * ```sh
 * deno run --allow-all examples/black_scholes/build_wasm.ts
 * ```
 *
 * @module
 */
import { compileKernel } from "../shared/kernels/compile_kernel.ts";

/** Compiles the kernel. */
export function buildWasm(): Promise<Uint8Array<ArrayBuffer>> {
  return compileKernel(new URL("./kernel.as", import.meta.url));
}

if (import.meta.main) {
  await Deno.writeFile(new URL("./kernel.wasm", import.meta.url), await buildWasm());
}
