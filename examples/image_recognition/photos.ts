/** The photographs, and what each of them shows. */

export interface ShownPhoto {
  readonly name: string;
  /** Some of the classes that it shows. */
  readonly shows: readonly string[];
}

export interface PhotoFile extends ShownPhoto {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Of this folder, or of the demo. */
export const PHOTOS: readonly (ShownPhoto & { readonly path: string })[] = [
  { name: "chelsea", path: "./photos/chelsea.jpg", shows: ["cat"] },
  { name: "coffee", path: "./photos/coffee.jpg", shows: ["cup"] },
  { name: "friends", path: "../demo/photos/friends.jpg", shows: ["dog"] },
  { name: "wine", path: "../demo/photos/wine.jpg", shows: ["bottle", "wine glass"] },
  { name: "astronaut", path: "./photos/astronaut.jpg", shows: ["person"] },
];

/** Reads the first `count` photographs. */
export async function readPhotos(count: number): Promise<PhotoFile[]> {
  return await Promise.all(
    PHOTOS.slice(0, count).map(async ({ name, path, shows }) => ({
      name,
      shows,
      bytes: await Deno.readFile(new URL(path, import.meta.url)),
    })),
  );
}
