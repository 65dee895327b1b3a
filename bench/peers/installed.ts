/** Finds programs that are not on every host. */

import { UnavailableError } from "../unavailable.ts";

/** @throws {UnavailableError} If the program is neither in PATH nor in the folders for administrators. */
export async function needProgram(name: string): Promise<string> {
  for (
    const folder of [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/usr/local/bin"]
  ) {
    const path = `${folder}/${name}`;
    if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
  }
  throw new UnavailableError(`${name} is not installed`);
}
