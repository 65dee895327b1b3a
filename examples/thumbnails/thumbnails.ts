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
import { thumbnail } from "./functions.ts";
import { countsUpTo, readOptions } from "./options.ts";
import { mapPhotos, type PhotoWork } from "./photo_map.ts";

const WORK: PhotoWork = {
  title: "Thumbnails",
  module: new URL("./functions.ts", import.meta.url),
  name: "thumbnail",
  own: thumbnail,
  resultBytes: 1 << 20, // more than the largest thumbnail
  workerBytes: 256 << 20, // a decoded photograph takes up to 18 bytes a pixel
  countsUpTo,
};

if (import.meta.main) {
  const options = readOptions(Deno.args);
  using shutdown = new ShutdownSignal();
  const { results, right } = await mapPhotos(WORK, options, shutdown.signal);
  await Deno.writeFile(`${options.out}/contact-sheet.jpg`, contactSheet([...results]));
  if (!right) Deno.exitCode = 1;
}
