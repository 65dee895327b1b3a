/** The part of TensorFlow.js that the example uses: its layers on the plain JavaScript backend, which needs no file. */

// deno-lint-ignore no-import-prefix -- the only file that imports it
import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";
export {
  cast,
  dispose,
  div,
  enableProdMode,
  expandDims,
  image,
  io,
  type Tensor,
  tensor3d,
  tidy,
} from "npm:@tensorflow/tfjs-core@4.22.0";
export { type LayersModel, loadLayersModel } from "npm:@tensorflow/tfjs-layers@4.22.0";
