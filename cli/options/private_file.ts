/** Files with a secret. */

/** Others of the group, or all others, may read or write the file. */
const OPEN_MODES = 0o077;

/**
 * Reads a file.
 *
 * @param kind What the file is, for messages: `token file`.
 * @throws {TypeError} If it cannot be read.
 */
export async function readFile(kind: string, file: string): Promise<string> {
  return await named(kind, file, Deno.readTextFile(file));
}

/**
 * Reads a file that its owner alone can read, since it has a secret, or commands that root runs.
 *
 * @param kind What the file is, for messages: `token file`.
 * @throws {TypeError} If it cannot be read, others can read it, or it belongs to another user.
 */
export async function readPrivateFile(kind: string, file: string): Promise<string> {
  const { mode, uid } = await named(kind, file, Deno.stat(file));
  const bits = (mode ?? 0) & 0o777;
  if ((bits & OPEN_MODES) !== 0) {
    const octal = bits.toString(8).padStart(4, "0");
    throw new TypeError(
      `Cannot use ${kind} ${file}: its mode ${octal} opens it to others, run: chmod 600 ${file}`,
    );
  }
  if (uid !== 0 && uid !== Deno.uid()) {
    throw new TypeError(
      `Cannot use ${kind} ${file}: it belongs to user ${uid}, run: chown root ${file}`,
    );
  }
  return await readFile(kind, file);
}

/** Adds the file to the error of a read. */
async function named<T>(kind: string, file: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new TypeError(`Cannot read ${kind} ${file}`, { cause });
  }
}
