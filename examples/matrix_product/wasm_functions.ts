/** The functions of kernel.wasm, for threads of this process and for processes behind HTTP. */

import { wasmFunctions } from "../shared/kernels/wasm_module.ts";

export const { keep, multiply, product } = await wasmFunctions(
  new URL("./kernel.wasm", import.meta.url),
  "keep",
  "multiply",
  "product",
);
