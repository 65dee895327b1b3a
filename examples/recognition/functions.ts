/**
 * The functions of a worker. The model is loaded once, with the package. `recognizeAfresh` decodes its weights at each
 * call, as the workload of the paper does.
 *
 * Input: a JPEG file. Output: the probability of each class, as 32-bit floats.
 *
 * @module
 */
import { Classifier } from "./classifier.ts";

const classifier = await Classifier.load();

/** Recognizes with the model as it is. */
export function recognize(input: Uint8Array, output: Uint8Array): number {
  const { buffer, byteOffset, byteLength } = classifier.classify(input);
  output.set(new Uint8Array(buffer, byteOffset, byteLength));
  return byteLength;
}

/** Recognizes with weights that are decoded for this call. */
export function recognizeAfresh(input: Uint8Array, output: Uint8Array): number {
  classifier.reloadWeights();
  return recognize(input, output);
}
