/** Reads the photographs of the demo. */

import { jpegSize } from "./jpeg.ts";

export interface Photo {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly megapixels: number;
}

/**
 * Reads the JPEG files of a folder, by name.
 *
 * @throws {TypeError} If the folder has no JPEG file, or one is damaged.
 */
export async function readPhotos(folder: string): Promise<Photo[]> {
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (!isDirectory && /\.jpe?g$/i.test(name)) names.push(name);
    }
  } catch (cause) {
    throw new TypeError(`Cannot read photographs: no folder ${folder}`, { cause });
  }
  if (names.length === 0) throw new TypeError(`Cannot make thumbnails: no JPEG file in ${folder}`);
  return await Promise.all(
    names.sort().map(async (name) => {
      const bytes = await Deno.readFile(`${folder}/${name}`);
      const { width, height } = jpegSize(bytes);
      return { name, bytes, megapixels: width * height / 1e6 };
    }),
  );
}
