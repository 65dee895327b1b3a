/** The forms of the kernel. */

import type { KernelForms } from "../shared/kernels/kernels.ts";
import { CHUNK, PARAMETERS } from "./portfolio.ts";

/** Memory of a worker, in bytes. */
const MEMORY = 128 << 20;

export const FORMS: KernelForms = {
  module: new URL("./kernel.ts", import.meta.url),
  wasm: new URL("./kernel.wasm", import.meta.url),
  wasmModule: new URL("./wasm_functions.ts", import.meta.url),
  source: new URL("./kernel.c", import.meta.url),
  flags: ["-ffp-contract=off"], // like JavaScript, without fused multiply-add
  limits: (_options, parts) => ({ maxBytes: 8 * PARAMETERS * CHUNK, memory: parts * MEMORY }),
};
