/** The forms of the kernel. */

import type { KernelForms } from "../shared/kernels/kernels.ts";
import { TILE } from "./multiply.ts";
import { argumentBytes } from "./shared_product.ts";

/** Memory of a worker for the runtime and for what it packs, in bytes. */
const BASE_MEMORY = 192 << 20;

export const FORMS: KernelForms = {
  module: new URL("./functions.ts", import.meta.url),
  wasm: new URL("./kernel.wasm", import.meta.url),
  wasmModule: new URL("./wasm_functions.ts", import.meta.url),
  source: new URL("./kernel.c", import.meta.url),
  flags: ["-march=native"],
  limits: ({ size }, parts) => {
    const maxBytes = argumentBytes(size, Math.ceil(size / parts) + TILE);
    // A WebAssembly worker has an area for each of argument and result, and the rows of all orders: a third more.
    return { maxBytes, memory: parts * (4 * maxBytes + BASE_MEMORY), depth: 3 };
  },
};
