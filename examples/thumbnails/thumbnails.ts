/**
 * Thumbnails of photographs as a map: `lease.map()` sends each JPEG file to a free worker, which decodes, shrinks and
 * encodes it.
 *
 * @example
 * ```sh
 * deno run --allow-all examples/thumbnails/thumbnails.ts
 * ```
 *
 * @module
 */
import { ShutdownSignal } from "../../cli/shutdown_signal.ts";
import { contactSheet } from "../demo/contact_sheet.ts";
import { type Photo, readPhotos } from "../demo/photos.ts";
import type { ExampleOptions } from "../shared/example_options.ts";
import { LeaseHost } from "../shared/lease_host.ts";
import { mapInputs } from "../shared/map_inputs.ts";
import { openWays } from "../shared/open_ways.ts";
import { heading, note, seen } from "../shared/report.ts";
import { speedupReport } from "../shared/speedup_report.ts";
import type { SizeRow } from "../shared/speedups.ts";
import type { Way } from "../shared/way.ts";
import { measureInTurns, type TurnOptions, turnOptions } from "../shared/way_turns.ts";
import { thumbnail } from "./functions.ts";
import { countsUpTo, readOptions } from "./options.ts";

const PHOTOS = new URL("../demo/photos", import.meta.url).pathname;
/** The largest photograph, and more than the largest thumbnail. */
const MAX_BYTES = 1 << 20;
/** Memory of a worker: a decoded photograph takes up to 18 bytes a pixel. */
const WORKER_BYTES = 256 << 20;

/** Makes all thumbnails in each way, and measures. Returns whether all are equal. */
async function runThumbnails(options: ExampleOptions, signal: AbortSignal): Promise<boolean> {
  const photos = (await readPhotos(PHOTOS)).slice(0, options.size);
  const { fabric, workers, out } = options;
  const functions = {
    module: new URL("./functions.ts", import.meta.url),
    maxBytes: MAX_BYTES,
    memory: (workers + 1) * WORKER_BYTES,
  };
  await using host = new LeaseHost({ cores: workers + 1, fabric, signal });
  await using open = await openWays(options, functions, host, signal, workers + 1);
  const { ways } = open;

  const megapixels = photos.reduce((sum, photo) => sum + photo.megapixels, 0);
  heading(
    `Thumbnails of ${photos.length} photographs, ${megapixels.toFixed(1)} MP, over ${fabric}`,
  );
  const expected = photos.map(({ bytes }) => {
    const output = new Uint8Array(MAX_BYTES);
    return output.subarray(0, thumbnail(bytes, output));
  });
  const checks = [];
  for (const way of ways) checks.push(await checkWay(way, photos, expected));

  heading("Time of a map over the photographs");
  const rows: SizeRow[] = [];
  for (const count of countsUpTo(photos.length)) {
    rows.push(await measureCount(photos.slice(0, count), ways, turnOptions(options.quick, signal)));
  }
  const chart = speedupReport({
    title: "Thumbnails: a map over JPEG files",
    unit: "photos",
    unitInFull: "photographs",
    contestants: ways,
    rows,
  });
  await Deno.mkdir(out, { recursive: true });
  await Deno.writeTextFile(`${out}/speedup.svg`, chart);
  await Deno.writeFile(`${out}/contact-sheet.jpg`, contactSheet(expected));
  note(`pictures: ${out} (contact-sheet.jpg and speedup.svg)`);
  if (options.json) console.log(JSON.stringify({ ...options, checks, rows }));
  return checks.every(({ same }) => same === photos.length);
}

/** Compares the thumbnails of a way with those of this thread, byte for byte. */
async function checkWay(way: Way, photos: readonly Photo[], expected: readonly Uint8Array[]) {
  const made = await mapInputs(way, mapped(photos), thumbnail);
  const same = made.filter((bytes, i) => {
    const right = expected[i]!;
    return bytes.length === right.length && bytes.every((byte, at) => byte === right[at]);
  }).length;
  seen(
    same === photos.length,
    `${way.name}: ${same} of ${photos.length} thumbnails equal those of this thread`,
  );
  return { name: way.name, same };
}

async function measureCount(
  photos: readonly Photo[],
  ways: readonly Way[],
  options: TurnOptions,
): Promise<SizeRow> {
  const works = ways.map((way) => ({
    run: async () => {
      await mapInputs(way, mapped(photos), thumbnail);
    },
  }));
  return { size: photos.length, ms: await measureInTurns(works, options) };
}

function mapped(photos: readonly Photo[]) {
  return { name: "thumbnail", inputs: photos.map(({ bytes }) => bytes), resultBytes: MAX_BYTES };
}

if (import.meta.main) {
  const options = readOptions(Deno.args);
  using shutdown = new ShutdownSignal();
  if (!await runThumbnails(options, shutdown.signal)) Deno.exitCode = 1;
}
