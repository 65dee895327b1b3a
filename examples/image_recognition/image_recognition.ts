/**
 * Image recognition as a map: `lease.map()` sends each photograph, a JPEG file, to a free worker, which finds the objects
 * that it shows with a neural network.
 *
 * @example
 * ```sh
 * deno run --allow-all examples/image_recognition/image_recognition.ts
 * ```
 *
 * @module
 */
import { ShutdownSignal } from "../../cli/shutdown_signal.ts";
import type { ExampleOptions } from "../shared/example_options.ts";
import { LeaseHost } from "../shared/lease_host.ts";
import { mapInputs } from "../shared/map_inputs.ts";
import { openWays } from "../shared/open_ways.ts";
import { heading, note, seen } from "../shared/report.ts";
import { speedupReport } from "../shared/speedup_report.ts";
import { type LoadedFunction, loadFunctions } from "../shared/thread_words.ts";
import type { Way } from "../shared/way.ts";
import { measureInTurns, turnOptions } from "../shared/way_turns.ts";
import { buildPackage } from "./build_package.ts";
import { callerOf, callFindings, type CallOptions, callTable, measureCalls } from "./call_times.ts";
import { differenceOf, showsAll, TOLERANCE } from "./check_objects.ts";
import { readObjects } from "./objects.ts";
import { readOptions } from "./options.ts";
import { type PhotoFile, readPhotos } from "./photos.ts";
import { recognizedPicture } from "./recognized_picture.ts";

/** More than a photograph of these, and than its objects. */
const MAX_BYTES = 512 << 10;
const RESULT_BYTES = 16 << 10;
/** Memory of a worker: the package, the runtime, and a decoded photograph. */
const WORKER_BYTES = 384 << 20;
/** Where cores are shared, a worker compiles the runtime and loads the model for longer than the 10 s of a lease. */
const LOAD_MS = 120_000;
/** The names of the functions: with the model that `init` has loaded, and with one of the call. */
const FUNCTIONS = ["recognize", "recognizeAnew"] as const;

/** Recognizes all photographs in each way, and measures. Returns whether all results are right. */
async function runImageRecognition(
  options: ExampleOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const photos = await readPhotos(options.size);
  const files = photos.map(({ bytes }) => bytes);
  const { fabric, workers, out } = options;
  await using built = await buildPackage();
  note(`package: ${(built.bytes.length / 1e6).toFixed(1)} MB with the model`);
  const own = await loadFunctions(built.module.href);
  await using host = new LeaseHost({ cores: workers + 1, fabric, signal });
  const functions = {
    module: built.module,
    leased: built.bytes,
    maxBytes: MAX_BYTES,
    memory: (workers + 1) * WORKER_BYTES,
    depth: 1, // a worker reads one photograph at a time
    loadMs: LOAD_MS,
  };
  await using open = await openWays(options, functions, host, signal, workers + 1);
  const { ways } = open;

  heading(`Objects in ${photos.length} photographs, over ${fabric}`);
  const map = (way: Way) => {
    const mapped = { name: "recognize", inputs: files, resultBytes: RESULT_BYTES };
    return mapInputs(way, mapped, own.get(mapped.name)!);
  };
  const expected = await map(ways[0]!);
  for (const [i, { name }] of photos.entries()) note(`${name}: ${objectsText(expected[i]!)}`);
  const checks = [];
  for (const way of ways) checks.push(check(way.name, photos, await map(way), expected));
  await Deno.mkdir(out, { recursive: true });
  const recognized = files.map((bytes, i) => ({ bytes, objects: readObjects(expected[i]!) }));
  await Deno.writeTextFile(`${out}/recognized.svg`, recognizedPicture(recognized));

  heading("Time of a map over the photographs, with the model loaded once");
  const works = ways.map((way) => ({ run: async () => void await map(way) }));
  const ms = await measureInTurns(works, turnOptions(options.quick, signal));
  const rows = [{ size: photos.length, ms }];
  const title = "Image recognition: a map over JPEG files";
  const chart = speedupReport({ title, unit: "photos", contestants: ways, rows });
  await Deno.writeTextFile(`${out}/speedup.svg`, chart);

  heading("Time of single calls, one after the other");
  const measured = await timeCalls(ways, own, files, callOptions(options.quick, signal));
  const calls = measured.map(({ times }) => times);
  console.log(callTable(calls));
  for (const { times, results } of measured) {
    if (times.anew) checks.push(check(times.name, photos, results, expected));
  }
  for (const text of callFindings(calls)) note(text);
  note(`pictures: ${out} (recognized.svg and speedup.svg)`);
  if (options.json) console.log(JSON.stringify({ ...options, checks, rows, calls }));
  return checks.every(({ right }) => right);
}

/** Calls each function on one worker of each way. */
async function timeCalls(
  ways: readonly Way[],
  own: ReadonlyMap<string, LoadedFunction>,
  files: readonly Uint8Array[],
  options: CallOptions,
) {
  const sizes = { bytes: MAX_BYTES, resultBytes: RESULT_BYTES };
  const callers = ways.flatMap((way) =>
    FUNCTIONS.map((name) => {
      const anew = name === "recognizeAnew";
      return callerOf(way, { name, anew, own: own.get(name)!, sizes });
    })
  );
  return await measureCalls(callers, files, options);
}

function callOptions(quick: boolean, signal: AbortSignal): CallOptions {
  return { rounds: quick ? 1 : 5, budgetMs: 10_000, signal };
}

function objectsText(result: Uint8Array): string {
  const found = readObjects(result).map(({ name, score }) =>
    `${name} ${(100 * score).toFixed(0)} %`
  );
  return found.length === 0 ? "nothing" : found.join(", ");
}

/** Compares the objects of a way with what the photographs show, and with those of this thread. */
function check(
  name: string,
  photos: readonly PhotoFile[],
  made: readonly Uint8Array[],
  expected: readonly Uint8Array[],
) {
  const objects = made.map(readObjects);
  const shown = photos.filter((photo, i) => showsAll(photo, objects[i]!)).length;
  const differences = objects.map((found, i) => differenceOf(found, readObjects(expected[i]!)));
  const difference = Math.max(...differences);
  const right = shown === photos.length && difference <= TOLERANCE;
  const compared = difference === Infinity
    ? "others than this thread found"
    : `within ${difference.toExponential(1)} of those of this thread`;
  seen(
    right,
    `${name}: ${shown} of ${photos.length} photographs show what they should, ${compared}`,
  );
  return { name, shown, difference, right };
}

if (import.meta.main) {
  const options = readOptions(Deno.args);
  using shutdown = new ShutdownSignal();
  if (!await runImageRecognition(options, shutdown.signal)) Deno.exitCode = 1;
}
