/** The second part: real work on the leased workers, checked against the same work done here. */

import type { Lease } from "../../mod.ts";
import { contactSheet } from "./contact_sheet.ts";
import { thumbnail } from "./functions.ts";
import type { Photo } from "./photos.ts";
import { progressBar } from "./progress.ts";

/** Room for a thumbnail made here. */
const ROOM = 1 << 20;

export interface ThumbnailFigures {
  readonly images: number;
  /** Thumbnails that are byte for byte what the same function makes here. */
  readonly ok: number;
  /** For all of them, on the leased workers. */
  readonly seconds: number;
  /** For the same work in this thread. */
  readonly localSeconds: number;
}

/** Makes a thumbnail of each photograph, and one sheet of them all, in `folder`. */
export async function makeThumbnails(
  lease: Lease,
  photos: readonly Photo[],
  folder: string,
  signal: AbortSignal,
): Promise<ThumbnailFigures> {
  const beginMs = performance.now();
  const thumbnails = await shrinkThere(lease, photos, signal);
  const thereMs = performance.now();
  const room = new Uint8Array(ROOM);
  let ok = 0;
  let localMs = 0;
  for (const [i, { bytes }] of photos.entries()) {
    signal.throwIfAborted();
    const sinceMs = performance.now();
    const here = room.subarray(0, thumbnail(bytes, room));
    localMs += performance.now() - sinceMs;
    const there = thumbnails[i]!;
    if (there.length === here.length && there.every((byte, at) => byte === here[at])) ok++;
    await Deno.writeFile(`${folder}/${photos[i]!.name}`, there);
  }
  await Deno.writeFile(`${folder}/contact-sheet.jpg`, contactSheet(thumbnails));
  return {
    images: photos.length,
    ok,
    seconds: (thereMs - beginMs) / 1000,
    localSeconds: localMs / 1000,
  };
}

async function shrinkThere(lease: Lease, photos: readonly Photo[], signal: AbortSignal) {
  using bar = progressBar({ label: "  thumbnails", total: photos.length });
  return await lease.map("thumbnail", photos.map(({ bytes }) => bytes), {
    concurrency: lease.workers,
    signal,
    onProgress: ({ done }) => bar.update(done),
  });
}
