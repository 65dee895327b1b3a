/**
 * The functions of a worker, as a function of the model's files: build_package.ts makes the module that passes these.
 *
 * @module
 */
import { decodeJpeg } from "../demo/jpeg.ts";
import { Model, type ModelFiles, startRuntime } from "./model.ts";
import { writeObjects } from "./objects.ts";

/** Returns the functions. Input: a JPEG file. Output: the objects that it shows, as JSON. */
export function functionsWith(files: ModelFiles) {
  let kept: Model | undefined;
  return {
    /** Loads the model, once for all calls of {@linkcode recognize}. */
    async init(): Promise<void> {
      await startRuntime(files);
      kept = Model.load(files);
    },

    recognize(input: Uint8Array, output: Uint8Array): number {
      if (!kept) throw new TypeError("Cannot recognize: init() has not loaded the model");
      return writeObjects(kept.recognize(decodeJpeg(input)), output);
    },

    /** Loads a model for this call. */
    recognizeAnew(input: Uint8Array, output: Uint8Array): number {
      using model = Model.load(files);
      return writeObjects(model.recognize(decodeJpeg(input)), output);
    },
  };
}
