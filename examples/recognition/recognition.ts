/**
 * Recognition of photographs by a neural network, as a map: the model stays with the workers. In the paper's workload, it
 * is loaded at each call.
 *
 * @example
 * ```sh
 * deno run --allow-all examples/recognition/recognition.ts
 * ```
 *
 * @module
 */
import { ShutdownSignal } from "../../cli/shutdown_signal.ts";
import { alignColumns } from "../../cli/table.ts";
import { heading } from "../shared/report.ts";
import { mapPhotos, type PhotoRun, type PhotoWork } from "../thumbnails/photo_map.ts";
import { CLASSES } from "./classifier.ts";
import { recognize } from "./functions.ts";
import { readOptions } from "./options.ts";

const WORK: PhotoWork = {
  title: "Recognition",
  module: new URL("./functions.ts", import.meta.url),
  name: "recognize",
  own: recognize,
  variants: [{ name: "recognizeAfresh", suffix: ", weights decoded at each call" }],
  resultBytes: 4 * CLASSES.length,
  workerBytes: 512 << 20,
  countsUpTo: (size) => [size],
};

/** Prints the likeliest class of each photograph. */
function printClasses({ photos, results }: PhotoRun): void {
  heading("What the model sees");
  const lines = photos.map(({ name }, i) => {
    const probabilities = new Float32Array(results[i]!.slice().buffer);
    const best = Math.max(...probabilities);
    return [name, CLASSES[probabilities.indexOf(best)]!, `${(100 * best).toFixed(1)} %`];
  });
  console.log(alignColumns([["", "class", "probability"], ...lines], [0, 1]));
}

if (import.meta.main) {
  const options = readOptions(Deno.args);
  using shutdown = new ShutdownSignal();
  const run = await mapPhotos(WORK, options, shutdown.signal);
  if (!options.json) printClasses(run);
  if (!run.right) Deno.exitCode = 1;
}
