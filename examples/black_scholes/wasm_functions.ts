/** The function of kernel.wasm, for threads of this process and for processes behind HTTP. */

import { wasmFunctions } from "../shared/kernels/wasm_module.ts";

export const { price } = await wasmFunctions(
  new URL("./kernel.wasm", import.meta.url),
  "price",
);
