/** Makes the package of functions: one JavaScript file with the code, the model and the runtime as bytes. */

import { buildModelPackage, type BuiltPackage, npmFolder } from "../shared/model_package.ts";

/** The npm package that ships the model. */
const MODELS = "@vladmandic/human@3.3.6";

/** The version of the runtime is that of tensorflow.ts. */
const ENTRY = `
import topology from "./centernet.json" with { type: "text" };
import weights from "./centernet.bin" with { type: "bytes" };
import runtime from "npm:@tensorflow/tfjs-backend-wasm@4.22.0/dist/tfjs-backend-wasm-simd.wasm" with { type: "bytes" };
import { functionsWith } from "${new URL("./functions.ts", import.meta.url)}";

export const { init, recognize, recognizeAnew } = functionsWith({ topology, weights, runtime });
`;

/** Bundles the functions with the model. */
export async function buildPackage(): Promise<BuiltPackage> {
  return await buildModelPackage({
    name: "image_recognition",
    entry: ENTRY,
    lock: new URL("./deno.lock", import.meta.url),
    async files(folder) {
      const models = `${await npmFolder(folder, MODELS)}/models`;
      return {
        "centernet.json": `${models}/centernet.json`,
        "centernet.bin": `${models}/centernet.bin`,
      };
    },
  });
}

if (import.meta.main) {
  await using _ = await buildPackage(); // fetches what it needs
}
