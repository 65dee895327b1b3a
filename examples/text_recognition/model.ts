/** The model, PP-OCRv4: one network finds lines of text in a picture, another one reads a line. */

import type { Floats, Model } from "./networks.ts";
import { env, InferenceSession, Tensor } from "./onnxruntime.ts";

/** The files of the model and of its runtime. The package of functions has them as bytes: a worker reads no files. */
export interface ModelFiles {
  /** The network that finds lines. */
  readonly detection: Uint8Array;
  /** The network that reads a line. */
  readonly recognition: Uint8Array;
  /** The characters that it distinguishes, one a line. */
  readonly characters: string;
  /** The runtime, as WebAssembly. */
  readonly runtime: Uint8Array<ArrayBuffer>;
}

/** Loads both networks. The first time compiles the runtime, which all later models of this thread use. */
export async function loadModel(files: ModelFiles): Promise<Model> {
  env.wasm.numThreads = 1; // a worker has one core
  env.wasm.wasmBinary = files.runtime.buffer;
  const detection = await InferenceSession.create(files.detection);
  const recognition = await InferenceSession.create(files.recognition);
  return {
    characters: ["", ...files.characters.split(/\r?\n/).filter((line) => line !== ""), " "],
    detect: (picture) => run(detection, picture),
    recognize: (line) => run(recognition, line),
    async close() {
      await detection.release();
      await recognition.release();
    },
  };
}

async function run(session: InferenceSession, { data, dims }: Floats): Promise<Floats> {
  const given = new Tensor("float32", data, dims);
  const results = await session.run({ [session.inputNames[0]!]: given });
  const result = results[session.outputNames[0]!]!;
  return { data: result.data as Float32Array, dims: result.dims };
}
