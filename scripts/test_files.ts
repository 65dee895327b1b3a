/** Finds test files: `--ignore` of `deno test` has no effect on some of several folders (Deno 2.9.6). */

import {
  ALONE,
  DEVICE_TESTS,
  FILES_PER_RUN,
  MACHINE_TESTS,
  OTHERS_PER_SLOW,
  SLOW,
} from "./test_parts.ts";

/** @returns the files of each run on this host, in the order in which the runs start. */
export async function hostRuns(root: URL): Promise<string[][]> {
  const elsewhere = [...ALONE, DEVICE_TESTS, MACHINE_TESTS];
  const slow = inRuns(await testFiles(root, SLOW, elsewhere));
  const others = inRuns(await testFiles(root, ["tests"], [...elsewhere, ...SLOW]));
  const early = slow.flatMap((run) => [run, ...others.splice(0, OTHERS_PER_SLOW)]);
  return [...early, ...others];
}

function inRuns(files: readonly string[]): string[][] {
  const runs: string[][] = [];
  for (let at = 0; at < files.length; at += FILES_PER_RUN) {
    runs.push(files.slice(at, at + FILES_PER_RUN));
  }
  return runs;
}

/** @returns the files of the folders and files, without those of `ignored`, relative to `root`. */
export async function testFiles(
  root: URL,
  paths: readonly string[],
  ignored: readonly string[],
): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    if (ignored.includes(path)) continue;
    if (path.endsWith(".ts")) {
      if (path.endsWith("_test.ts")) found.push(path);
      continue;
    }
    const entries = await Array.fromAsync(Deno.readDir(new URL(path, root)));
    const below = entries.filter(({ name, isDirectory }) => isDirectory || name.endsWith(".ts"))
      .map(({ name }) => `${path}/${name}`).sort();
    found.push(...await testFiles(root, below, ignored));
  }
  return found;
}
