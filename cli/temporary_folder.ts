/** Folders that last as long as a process. */

/**
 * Makes a private folder in that for temporary files.
 *
 * @throws {Error} If there is no such folder, or it is not writable. The message has TMPDIR.
 */
export async function makeTemporaryFolder(prefix: string): Promise<string> {
  try {
    return await Deno.makeTempDir({ prefix }); // mode 0700
  } catch (cause) {
    const tmpdir = Deno.env.get("TMPDIR");
    const place = tmpdir ? `${tmpdir}, the value of TMPDIR` : "/tmp";
    const state = cause instanceof Deno.errors.NotFound
      ? `there is no folder ${place}`
      : `${(cause as Error).message} in ${place}`;
    throw new Error(`Cannot make a temporary folder: ${state}`, { cause });
  }
}

/**
 * Removes a state folder when it is disposed of, and its parent once that is empty. A child removes its own state, since
 * its parent may have been killed.
 */
export function removedAtEnd(folder: string): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () => {
      await Deno.remove(folder, { recursive: true }).catch(ignore);
      await Deno.remove(folder.replace(/\/[^/]*$/, "")).catch(ignore);
    },
  };
}

/** It is gone, or not empty. */
function ignore(): void {}
