/** The model, CenterNet with MobileNetV3: finds objects of 80 classes in a picture. */

import type { Pixels } from "../demo/jpeg.ts";
import { shrink } from "../demo/shrink.ts";
import { CLASSES } from "./classes.ts";
import type { FoundObject } from "./objects.ts";
import { fit, toPicture } from "./square.ts";
import {
  dispose,
  enableProdMode,
  env,
  expandDims,
  image,
  loadGraphModelSync,
  pad,
  setBackend,
  setWasmPaths,
  type Tensor,
  tensor2d,
  tensor3d,
  tidy,
} from "./tensorflow.ts";

/** The side of the square picture that the network receives, in pixels. */
const SIDE = 512;
/** The output of the network with the objects: rows of edges in pixels, score and class. */
const DETECTIONS = "tower_0/detections";
const ROW = 6;
/** An object counts from this score on. */
const LEAST_SCORE = 0.35;
/** Of two boxes that share more of their area than this, the less likely one is left out. */
const MOST_SHARED = 0.4;
const MOST_OBJECTS = 20;

/** The files of the model and of its runtime. The package of functions has them as bytes: a worker reads no files. */
export interface ModelFiles {
  /** The layers of the network, and the specification of the weights, as JSON. */
  readonly topology: string;
  readonly weights: Uint8Array<ArrayBuffer>;
  /** The runtime, as WebAssembly. */
  readonly runtime: Uint8Array;
}

/** The part of the topology's file that is used here. */
interface Topology {
  readonly modelTopology: object;
  readonly weightsManifest: readonly { readonly weights: [] }[];
}

/** Compiles the runtime, which all models of this thread use. */
export async function startRuntime({ runtime }: ModelFiles): Promise<void> {
  enableProdMode(); // or it suggests a backend for Node
  env().set("WASM_HAS_MULTITHREAD_SUPPORT", false); // a worker has one core
  const url = `data:application/wasm;base64,${runtime.toBase64()}`;
  setWasmPaths({
    "tfjs-backend-wasm.wasm": url,
    "tfjs-backend-wasm-simd.wasm": url,
    "tfjs-backend-wasm-threaded-simd.wasm": url,
  }, true); // by fetch(), as a path would be read from a file
  if (!await setBackend("wasm")) throw new Error("Cannot recognize: no WebAssembly runtime");
}

type Graph = ReturnType<typeof loadGraphModelSync>;

/** The network, loaded. */
export class Model implements Disposable {
  readonly #graph: Graph;

  private constructor(graph: Graph) {
    this.#graph = graph;
  }

  static load({ topology, weights }: ModelFiles): Model {
    const { modelTopology, weightsManifest } = JSON.parse(topology) as Topology;
    const weightSpecs = weightsManifest.flatMap((group) => group.weights);
    const { buffer, byteOffset, byteLength } = weights;
    const weightData = buffer.slice(byteOffset, byteOffset + byteLength);
    return new Model(loadGraphModelSync({
      load: () => ({ modelTopology, weightSpecs, weightData }),
    }));
  }

  /** Returns the objects, the surest first. */
  recognize(picture: Pixels): FoundObject[] {
    const place = fit(picture.width, picture.height, SIDE);
    const { width, height, data } = shrink(picture, SIDE);
    const found = tidy(() => {
      const pixels = tensor3d(data, [height, width, 3], "int32");
      const scaled = image.resizeBilinear(pixels, [place.height, place.width]);
      const rest = (
        before: number,
        size: number,
      ): [number, number] => [before, SIDE - before - size];
      const square = pad(scaled, [
        rest(place.top, place.height),
        rest(place.left, place.width),
        [0, 0],
      ]);
      return this.#graph.execute(expandDims(square, 0), DETECTIONS) as Tensor;
    });
    try {
      const rows = found.dataSync<"float32">();
      return surest(rows).map((at) => {
        const [x1, y1, x2, y2, score, type] = rows.subarray(ROW * at, ROW * (at + 1));
        const box = toPicture(place, [x1!, y1!, x2!, y2!]);
        return { name: CLASSES[type!]!, score: score!, box };
      });
    } finally {
      dispose(found);
    }
  }

  [Symbol.dispose](): void {
    this.#graph.dispose();
  }
}

/** Returns the numbers of the rows that are objects, without boxes that mostly repeat another one. */
function surest(rows: Float32Array): number[] {
  const count = rows.length / ROW;
  const edges = new Float32Array(4 * count);
  const scores = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const [x1, y1, x2, y2, score] = rows.subarray(ROW * i, ROW * (i + 1));
    edges.set([y1!, x1!, y2!, x2!], 4 * i);
    scores[i] = score!;
  }
  return tidy(() => {
    const boxes = tensor2d(edges, [count, 4]);
    const kept = image.nonMaxSuppression(
      boxes,
      Array.from(scores),
      MOST_OBJECTS,
      MOST_SHARED,
      LEAST_SCORE,
    );
    return [...kept.dataSync<"int32">()];
  });
}
