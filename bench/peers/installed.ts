/** Programs of this host that not every host has. */

import { NotHere } from "../not_here.ts";

/** @throws {NotHere} if no folder of PATH, nor of those for administrators, has the program. */
export async function needProgram(name: string): Promise<string> {
  for (
    const folder of [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/usr/local/bin"]
  ) {
    const path = `${folder}/${name}`;
    if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
  }
  throw new NotHere(`${name} is not installed`);
}
