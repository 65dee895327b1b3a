/**
 * The functions of a worker, as a function of the model's files: build_package.ts makes the module that passes these.
 *
 * @module
 */
import { decodeJpeg } from "../demo/jpeg.ts";
import { loadModel, type ModelFiles } from "./model.ts";
import type { Model } from "./networks.ts";
import { readText } from "./read_text.ts";

/** Returns the functions. Input: a JPEG file. Output: the text that it shows, as UTF-8. */
export function functionsWith(files: ModelFiles) {
  let kept: Model | undefined;
  const read = async (model: Model, input: Uint8Array, output: Uint8Array) => {
    const text = await readText(decodeJpeg(input), model);
    return new TextEncoder().encodeInto(text, output).written;
  };
  return {
    /** Loads the model, once for all calls of {@linkcode recognize}. */
    async init(): Promise<void> {
      kept = await loadModel(files);
    },

    recognize(input: Uint8Array, output: Uint8Array): Promise<number> {
      if (!kept) throw new TypeError("Cannot recognize text: init() has not loaded the model");
      return read(kept, input, output);
    },

    /** Loads a model for this call. */
    async recognizeAnew(input: Uint8Array, output: Uint8Array): Promise<number> {
      const model = await loadModel(files);
      try {
        return await read(model, input, output);
      } finally {
        await model.close();
      }
    },
  };
}
