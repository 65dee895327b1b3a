/** The second part: real work on the leased workers, compared with the same work in this thread. */

import type { Lease } from "../../mod.ts";
import { contactSheet } from "./contact_sheet.ts";
import { thumbnail } from "./functions.ts";
import type { Photo } from "./photos.ts";
import { progressBar } from "./progress.ts";

/** The output buffer of a thumbnail that is made in this thread, in bytes. */
const OUTPUT_BYTES = 1 << 20;

export interface ThumbnailFigures {
  readonly images: number;
  /** Thumbnails that equal, byte for byte, those made in this thread. */
  readonly ok: number;
  /** Time on the leased workers. */
  readonly seconds: number;
  /** Time of the same work in this thread. */
  readonly localSeconds: number;
}

/** Writes a thumbnail of each photograph and one sheet with all of them to `folder`. */
export async function makeThumbnails(
  lease: Lease,
  photos: readonly Photo[],
  folder: string,
  signal: AbortSignal,
): Promise<ThumbnailFigures> {
  const beginMs = performance.now();
  const thumbnails = await shrinkRemotely(lease, photos, signal);
  const remoteMs = performance.now();
  const output = new Uint8Array(OUTPUT_BYTES);
  let ok = 0;
  let localMs = 0;
  for (const [i, { bytes }] of photos.entries()) {
    signal.throwIfAborted();
    const sinceMs = performance.now();
    const here = output.subarray(0, thumbnail(bytes, output));
    localMs += performance.now() - sinceMs;
    const there = thumbnails[i]!;
    if (there.length === here.length && there.every((byte, at) => byte === here[at])) ok++;
    await Deno.writeFile(`${folder}/${photos[i]!.name}`, there);
  }
  await Deno.writeFile(`${folder}/contact-sheet.jpg`, contactSheet(thumbnails));
  return {
    images: photos.length,
    ok,
    seconds: (remoteMs - beginMs) / 1000,
    localSeconds: localMs / 1000,
  };
}

async function shrinkRemotely(lease: Lease, photos: readonly Photo[], signal: AbortSignal) {
  using bar = progressBar({ label: "  thumbnails", total: photos.length });
  return await lease.map("thumbnail", photos.map(({ bytes }) => bytes), {
    concurrency: lease.workers,
    signal,
    onProgress: ({ done }) => bar.update(done),
  });
}
