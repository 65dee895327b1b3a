/** What a call returns: the objects that a photograph shows. */

/** An object. */
export interface FoundObject {
  /** One of classes.ts. */
  readonly name: string;
  /** How sure the model is, from 0 to 1. */
  readonly score: number;
  /** Left, top, width and height, as parts of the photograph. */
  readonly box: readonly [left: number, top: number, width: number, height: number];
}

/** Writes objects as JSON. @returns the number of bytes. @throws {RangeError} If they do not fit. */
export function writeObjects(objects: readonly FoundObject[], output: Uint8Array): number {
  const text = JSON.stringify(objects);
  const { read, written } = new TextEncoder().encodeInto(text, output);
  if (read === text.length) return written;
  throw new RangeError(
    `Cannot return ${objects.length} objects: the output buffer has ${output.length} bytes`,
  );
}

/** Reads what {@linkcode writeObjects} wrote. */
export function readObjects(bytes: Uint8Array): FoundObject[] {
  return JSON.parse(new TextDecoder().decode(bytes));
}
