/**
 * Makes kernel.wasm of kernel.as. The file is kept beside it, so that only who changes the kernel needs the compiler.
 *
 * @example
 * ```sh
 * deno run --allow-all examples/black_scholes/build_wasm.ts
 * ```
 *
 * @module
 */
// deno-lint-ignore no-import-prefix -- its one home
import asc from "npm:assemblyscript@0.28.20/asc";

/** What the compiler calls its source; it takes no other ending. */
const NAME = "kernel.ts";

/** Compiles the kernel. No runtime and no import is left in it. */
export async function buildWasm(): Promise<Uint8Array<ArrayBuffer>> {
  const source = await Deno.readTextFile(new URL("./kernel.as", import.meta.url));
  let wasm: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [NAME, "-O3", "--noAssert", "--runtime", "stub", "--use", "abort=", "--outFile", "kernel.wasm"],
    {
      readFile: (name) => name === NAME ? source : null,
      writeFile: (_, contents) => {
        if (typeof contents !== "string") wasm = contents;
      },
      listFiles: () => [],
    },
  );
  if (error || !wasm) throw new Error(`Cannot compile kernel.as: ${stderr}`, { cause: error });
  return wasm.slice();
}

if (import.meta.main) {
  await Deno.writeFile(new URL("./kernel.wasm", import.meta.url), await buildWasm());
}
