/** The runtime of the model: WebAssembly, in one thread. */

import "./without_location.ts";
export { env, InferenceSession, Tensor } from "npm:onnxruntime-web@1.30.0/wasm";
