/** The executor's code, bundled to two files: the process and its workers. */

import { bundleModule } from "../../../runtime/package/bundle.ts";

/** Where the bundled executor lies. */
export interface ExecutorBundle {
  readonly folder: string;
  readonly main: string;
}

/**
 * Bundles the executor into `folder`. One file without exports keeps the workers safe: foreign code may import
 * any module that is loaded. For the process it makes a cold start faster.
 */
export async function bundleExecutor(folder: string): Promise<ExecutorBundle> {
  if (Deno.build.standalone) {
    throw new Error(
      "Cannot start executors in a compiled program: run the executor manager by deno",
    );
  }
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  for await (const { name } of Deno.readDir(folder)) { // compiled code of another version
    if (name.startsWith("compiled")) await Deno.remove(`${folder}/${name}`, { recursive: true });
  }
  const entries = {
    "main.js": new URL("../../../runtime/executor/main.ts", import.meta.url),
    "worker.js": new URL("../../../runtime/executor/worker.ts", import.meta.url),
  };
  await Promise.all(
    Object.entries(entries).map(async ([name, entry]) => {
      const bytes = await bundleModule(entry);
      const partial = `${folder}/.${name}.${crypto.randomUUID()}`;
      await Deno.writeFile(partial, bytes, { createNew: true });
      await Deno.rename(partial, `${folder}/${name}`); // an executor that starts meanwhile reads a whole file
    }),
  );
  return { folder, main: `${folder}/main.js` };
}
