/**
 * Objects in photographs, one after the other: the distribution of a call in this thread, on a lease, and by HTTP, with a
 * model that stays and with one that each call loads.
 */

import { buildPackage } from "../../examples/image_recognition/build_package.ts";
import { callerOf, measureCalls } from "../../examples/image_recognition/call_times.ts";
import { PHOTOS, readPhotos } from "../../examples/image_recognition/photos.ts";
import { openHttp } from "../../examples/shared/http_way.ts";
import { LeaseHost } from "../../examples/shared/lease_host.ts";
import { aloneWay } from "../../examples/shared/open_ways.ts";
import { loadFunctions } from "../../examples/shared/thread_words.ts";
import type { WayFunctions } from "../../examples/shared/way.ts";
import { toRow } from "../rows.ts";
import type { Bench } from "../suites/suite.ts";
import { recognitionPath } from "./row_paths.ts";

export const RECOGNITION = "paper recognition";

/** More than the largest photograph, and than its objects. */
const SIZES = { bytes: 512 << 10, resultBytes: 16 << 10 };
const MEMORY = 384 << 20;
/** Where cores are shared, a worker loads the model for longer than the 10 s of a lease. */
const LOAD_MS = 120_000;
/** How often each photograph is read. The first time is not counted, since V8 compiles the code. */
const FULL_ROUNDS = 7;
const QUICK_ROUNDS = 2;
const QUICK_PHOTOS = 1;
/** The functions, and whether they load the model. */
const FUNCTIONS = { recognize: false, recognizeAnew: true };

export async function measureRecognition(bench: Bench): Promise<void> {
  const { quick, signal } = bench;
  bench.progress(RECOGNITION);
  const photos = await readPhotos(quick ? QUICK_PHOTOS : PHOTOS.length);
  await using built = await buildPackage();
  const functions: WayFunctions = {
    module: built.module,
    leased: built.bytes,
    maxBytes: SIZES.bytes,
    memory: MEMORY,
    depth: 1,
    loadMs: LOAD_MS,
  };
  const own = await loadFunctions(built.module.href);
  await using host = new LeaseHost({ cores: 1, fabric: "shm", signal });
  await using lease = await host.lease(1, functions);
  await using http = await openHttp(1, functions);
  const ways = { "this thread": aloneWay(), "rfaas": lease, "HTTP": http };
  const callers = Object.values(ways).flatMap((way) =>
    Object.entries(FUNCTIONS).map(([name, anew]) =>
      callerOf(way, { name, anew, own: own.get(name)!, sizes: SIZES })
    )
  );
  const paths = Object.keys(ways).flatMap((way) =>
    Object.values(FUNCTIONS).map((anew) => recognitionPath(way, anew))
  );
  const rounds = quick ? QUICK_ROUNDS : FULL_ROUNDS;
  const measured = await measureCalls(callers, photos.map(({ bytes }) => bytes), {
    rounds,
    budgetMs: Infinity,
    signal,
  });
  for (const [i, { times }] of measured.entries()) {
    bench.add(toRow(RECOGNITION, paths[i]!, 0, times.us.slice(photos.length)));
  }
}
