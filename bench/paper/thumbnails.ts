/** Thumbnails of photographs, one after the other: the distribution of a call in this thread, on a lease, and by HTTP. */

import { readPhotos } from "../../examples/demo/photos.ts";
import { openHttp } from "../../examples/shared/http_way.ts";
import { LeaseHost } from "../../examples/shared/lease_host.ts";
import { callNow, type WayFunctions } from "../../examples/shared/way.ts";
import { thumbnail } from "../../examples/thumbnails/functions.ts";
import { toRow } from "../rows.ts";
import type { Bench } from "../suites/suite.ts";
import { Times } from "../times.ts";

export const THUMBNAILS = "paper thumbnails";
const PHOTOS = new URL("../../examples/demo/photos", import.meta.url).pathname;
/** The largest photograph, and more than the largest thumbnail. */
const MAX_BYTES = 1 << 20;
const MEMORY = 256 << 20;
/** Photographs of a quick run. */
const QUICK_PHOTOS = 2;
/** How often each photograph is shrunk. The first time is not counted, since V8 compiles the code. */
const FULL_ROUNDS = 6;
const QUICK_ROUNDS = 2;

export async function measureThumbnails(bench: Bench): Promise<void> {
  const { quick, signal } = bench;
  const photos = (await readPhotos(PHOTOS)).slice(0, quick ? QUICK_PHOTOS : undefined);
  const module = new URL("../../examples/thumbnails/functions.ts", import.meta.url);
  const functions: WayFunctions = { module, maxBytes: MAX_BYTES, memory: MEMORY };
  const sizes = { bytes: MAX_BYTES, resultBytes: MAX_BYTES };
  await using host = new LeaseHost({ cores: 1, fabric: "shm", signal });
  await using lease = await host.lease(1, functions);
  await using http = await openHttp(1, functions);
  using leased = lease.workers[0]!.prepare("thumbnail", sizes);
  using posted = http.workers[0]!.prepare("thumbnail", sizes);
  const output = new Uint8Array(MAX_BYTES);
  const ways: Record<string, (photo: Uint8Array) => unknown> = {
    "this thread": (photo) => thumbnail(photo, output),
    "rfaas": (photo) => callNow(leased, photo),
    "HTTP": (photo) => callNow(posted, photo),
  };
  const times = new Map(Object.keys(ways).map((way) => [way, new Times()]));
  const rounds = quick ? QUICK_ROUNDS : FULL_ROUNDS;
  for (let round = 0; round < rounds; round++) {
    for (const [i, { bytes }] of photos.entries()) {
      bench.progress(
        `${THUMBNAILS}, round ${round + 1} of ${rounds}, ${i + 1} of ${photos.length}`,
      );
      for (const [way, make] of Object.entries(ways)) {
        const before = bench.cycles();
        await make(bytes);
        if (round > 0) times.get(way)!.add((bench.cycles() - before) / bench.perUs);
      }
    }
  }
  for (const [way, of] of times) bench.add(toRow(THUMBNAILS, way, 0, of));
}
