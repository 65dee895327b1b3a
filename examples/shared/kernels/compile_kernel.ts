/** Compiles a kernel in AssemblyScript. */

import { asc } from "./assemblyscript.ts";

/** The name of the source for the compiler, which requires this suffix. */
const NAME = "kernel.ts";

/** Compiles a kernel, without a runtime and imports. @throws {Error} With the compiler's messages. */
export async function compileKernel(
  file: URL,
  ...options: string[]
): Promise<Uint8Array<ArrayBuffer>> {
  const source = await Deno.readTextFile(file);
  let wasm: Uint8Array | undefined;
  const common = ["-O3", "--noAssert", "--runtime", "stub", "--use", "abort="];
  const { error, stderr } = await asc.main(
    [NAME, ...common, ...options, "--outFile", "kernel.wasm"],
    {
      readFile: (name) => name === NAME ? source : null,
      writeFile: (_, contents) => {
        if (typeof contents !== "string") wasm = contents;
      },
      listFiles: () => [],
    },
  );
  if (error || !wasm) {
    throw new Error(`Cannot compile ${file.pathname}: ${stderr}`, { cause: error });
  }
  return wasm.slice();
}
