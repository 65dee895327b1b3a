/** Makes the package of functions: one JavaScript file with the code, the model and the runtime as bytes. */

import { buildModelPackage, type BuiltPackage } from "../shared/model_package.ts";
import { models } from "./ocr_models.ts";

/** The version of the runtime is that of onnxruntime.ts. */
const ENTRY = `
import detection from "./detection.onnx" with { type: "bytes" };
import recognition from "./recognition.onnx" with { type: "bytes" };
import characters from "./characters.txt" with { type: "text" };
import runtime from "npm:onnxruntime-web@1.30.0/ort-wasm-simd-threaded.wasm" with { type: "bytes" };
import { functionsWith } from "${new URL("./functions.ts", import.meta.url)}";

export const { init, recognize, recognizeAnew } = functionsWith({
  detection,
  recognition,
  characters,
  runtime,
});
`;

/** Bundles the functions with the model. */
export async function buildPackage(): Promise<BuiltPackage> {
  return await buildModelPackage({
    name: "text_recognition",
    entry: ENTRY,
    lock: new URL("./deno.lock", import.meta.url),
    files: () =>
      Promise.resolve({
        "detection.onnx": models.detectionPath,
        "recognition.onnx": models.recognitionPath,
        "characters.txt": models.dictionaryPath,
      }),
  });
}

if (import.meta.main) {
  await using _ = await buildPackage(); // fetches what it needs
}
