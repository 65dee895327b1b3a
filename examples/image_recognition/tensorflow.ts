/** The part of TensorFlow.js that the example uses: models as graphs, computed in WebAssembly. */

export {
  dispose,
  enableProdMode,
  env,
  expandDims,
  image,
  pad,
  setBackend,
  type Tensor,
  tensor2d,
  tensor3d,
  tidy,
} from "npm:@tensorflow/tfjs-core@4.22.0";
import "./with_dirname.ts";
export { setWasmPaths } from "npm:@tensorflow/tfjs-backend-wasm@4.22.0";
export { loadGraphModelSync } from "npm:@tensorflow/tfjs-converter@4.22.0";
