/** Recognizes what a photograph shows, with MobileNetV2. It runs without any permission. */

import { decodeJpeg } from "../demo/jpeg.ts";
import { MobileNetV2Model } from "./mobilenet.ts";
import {
  cast,
  dispose,
  div,
  enableProdMode,
  expandDims,
  image,
  io,
  type LayersModel,
  loadLayersModel,
  type Tensor,
  tensor3d,
  tidy,
} from "./tensorflow.ts";

/** The classes of the model, in the order of its result. */
export const CLASSES = ["drawing", "hentai", "neutral", "porn", "sexy"] as const;

/** The side of the picture that the model receives, in pixels. */
const SIDE = 224;

/** The part of the module with the topology that is used here. */
interface ModelModule {
  readonly default: {
    readonly modelTopology: object;
    readonly weightsManifest: readonly { readonly weights: io.WeightsManifestEntry[] }[];
  };
}

/** The model, ready to be used. */
export class Classifier {
  readonly #model: LayersModel;
  /** In base64. */
  readonly #weights: string;
  readonly #specs: io.WeightsManifestEntry[];

  private constructor(model: LayersModel, weights: string, specs: io.WeightsManifestEntry[]) {
    this.#model = model;
    this.#weights = weights;
    this.#specs = specs;
  }

  /** Loads the model that the package ships: 2.6 MB of weights. */
  static async load(): Promise<Classifier> {
    enableProdMode(); // or it suggests a backend for Node
    const { modelJson, weightBundles } = MobileNetV2Model;
    const { modelTopology, weightsManifest } = (await modelJson() as unknown as ModelModule)
      .default;
    const weights = await weightBundles[0]!() as unknown as { readonly default: string };
    const specs = weightsManifest.flatMap((group) => group.weights);
    const weightData = Uint8Array.fromBase64(weights.default).buffer;
    const model = await loadLayersModel({
      load: () => Promise.resolve({ modelTopology, weightSpecs: specs, weightData }),
    });
    return new Classifier(model, weights.default, specs);
  }

  /** Decodes the weights again, and gives them to the model. */
  reloadWeights(): void {
    const weights = io.decodeWeights(Uint8Array.fromBase64(this.#weights).buffer, this.#specs);
    this.#model.loadWeights(weights);
    dispose(weights); // the model has copied them
  }

  /** Returns the probability of each of {@linkcode CLASSES}. @param bytes A JPEG file. */
  classify(bytes: Uint8Array): Float32Array {
    const { data, height, width } = decodeJpeg(bytes);
    return tidy(() => {
      const pixels = tensor3d(data, [height, width, 3], "int32");
      const scaled = image.resizeBilinear(pixels, [SIDE, SIDE], true);
      const input = expandDims(div(cast(scaled, "float32"), 255), 0);
      return (this.#model.predict(input) as Tensor).dataSync<"float32">();
    });
  }
}
