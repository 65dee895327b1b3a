/** Calls a function for each photograph of the demo, in each way: checks that all results are equal, and measures. */

import { type Photo, readPhotos } from "../demo/photos.ts";
import type { ExampleOptions } from "../shared/example_options.ts";
import { LeaseHost } from "../shared/lease_host.ts";
import { mapInputs } from "../shared/map_inputs.ts";
import { openWays } from "../shared/open_ways.ts";
import { heading, note, seen } from "../shared/report.ts";
import { speedupReport } from "../shared/speedup_report.ts";
import type { Contestant, SizeRow } from "../shared/speedups.ts";
import type { PlainFunction } from "../shared/thread_words.ts";
import type { Way } from "../shared/way.ts";
import { measureInTurns, turnOptions } from "../shared/way_turns.ts";

const PHOTOS = new URL("../demo/photos", import.meta.url).pathname;
/** The largest argument: a photograph. */
const MAX_BYTES = 1 << 20;

export interface PhotoWork {
  /** For people: `Thumbnails`. */
  readonly title: string;
  /** The module with the functions. */
  readonly module: URL;
  readonly name: string;
  /** The function with which this thread computes. */
  readonly own: PlainFunction;
  readonly resultBytes: number;
  /** Memory of a worker, in bytes. */
  readonly workerBytes: number;
  /** The numbers of photographs of the measurement, up to the size. */
  countsUpTo(size: number): readonly number[];
}

/** What a run has found. */
export interface PhotoRun {
  readonly photos: readonly Photo[];
  /** The results of this thread. */
  readonly results: readonly Uint8Array[];
  /** Whether the results of all ways equal them. */
  readonly right: boolean;
}

/** A function in one way. */
interface Entry extends Contestant {
  map(photos: readonly Photo[]): Promise<Uint8Array[]>;
}

/** Runs the work in each chosen way, prints what it finds, and writes `speedup.svg`. */
export async function mapPhotos(
  work: PhotoWork,
  options: ExampleOptions,
  signal: AbortSignal,
): Promise<PhotoRun> {
  const photos = (await readPhotos(PHOTOS)).slice(0, options.size);
  const { fabric, workers, out, quick } = options;
  const functions = {
    module: work.module,
    maxBytes: MAX_BYTES,
    memory: (workers + 1) * work.workerBytes,
    depth: 1, // a call takes long beside its way to the worker
  };
  await using host = new LeaseHost({ cores: workers + 1, fabric, signal });
  await using open = await openWays(options, functions, host, signal, workers + 1);
  const entries = open.ways.map((way) => entryOf(way, work));

  const megapixels = photos.reduce((sum, photo) => sum + photo.megapixels, 0);
  heading(`${work.title} of ${photos.length} photos, ${megapixels.toFixed(1)} MP, over ${fabric}`);
  const results = photos.map(({ bytes }) => {
    const output = new Uint8Array(work.resultBytes);
    return output.subarray(0, work.own(bytes, output));
  });
  const checks = [];
  for (const entry of entries) checks.push(await checkEntry(entry, photos, results));

  heading("Time of a map over the photographs");
  const rows: SizeRow[] = [];
  for (const size of work.countsUpTo(photos.length)) {
    const works = entries.map((entry) => ({
      run: async () => {
        await entry.map(photos.slice(0, size));
      },
    }));
    rows.push({ size, ms: await measureInTurns(works, turnOptions(quick, signal)) });
  }
  const title = `${work.title}: a map over JPEG files`;
  const chart = speedupReport({ title, unit: "photos", contestants: entries, rows });
  await Deno.mkdir(out, { recursive: true });
  await Deno.writeTextFile(`${out}/speedup.svg`, chart);
  note(`pictures: ${out}`);
  if (options.json) console.log(JSON.stringify({ ...options, checks, rows }));
  return { photos, results, right: checks.every(({ same }) => same === photos.length) };
}

function entryOf(way: Way, { name, own, resultBytes }: PhotoWork): Entry {
  return {
    name: way.name,
    kind: way.kind,
    map: (photos) => {
      const inputs = photos.map(({ bytes }) => bytes);
      return mapInputs(way, { name, inputs, resultBytes }, own);
    },
  };
}

/** Compares the results of a way with those of this thread, byte for byte. */
async function checkEntry(
  { name, map }: Entry,
  photos: readonly Photo[],
  expected: readonly Uint8Array[],
) {
  const found = await map(photos);
  const same = found.filter((bytes, i) => {
    const right = expected[i]!;
    return bytes.length === right.length && bytes.every((byte, at) => byte === right[at]);
  }).length;
  seen(
    same === photos.length,
    `${name}: ${same} of ${photos.length} results equal those of this thread`,
  );
  return { name, same };
}
