/** Archives whose bytes depend on the files alone: sorted, of root, with one time. */

import { commandOutput } from "../vm/command_output.ts";

/** @param seconds the modification time of all files, since 1970. */
export async function writeArchive(folder: string, path: string, seconds: string): Promise<void> {
  const at = folder.lastIndexOf("/");
  await commandOutput([
    "tar",
    "--create",
    `--file=${path}`,
    "--use-compress-program=gzip --no-name",
    "--format=gnu",
    "--sort=name",
    `--mtime=@${seconds}`,
    "--owner=root:0",
    "--group=root:0",
    `--directory=${folder.slice(0, at)}`,
    folder.slice(at + 1),
  ]);
}
