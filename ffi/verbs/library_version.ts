/** Which version of a library the loader takes. */

/**
 * The name of the file behind a library, such as `libibverbs.so.1.14.44.0`: the last two numbers are rdma-core's own.
 *
 * @returns `undefined` when it can't be loaded.
 */
export function libraryVersion(name: string): string | undefined {
  let library;
  try {
    library = Deno.dlopen(name, {});
  } catch {
    return undefined;
  }
  try {
    const maps = Deno.readTextFileSync("/proc/self/maps");
    const path = maps.split("\n").map((line) => line.slice(line.indexOf("/")))
      .find((path) => path.includes(`/${name}`));
    const file = path === undefined ? name : Deno.realPathSync(path).replace(/^.*\//, "");
    const core = /\.(\d+\.\d+)$/.exec(file)?.[1];
    return core === undefined ? file : `${file} (rdma-core ${core})`;
  } finally {
    library.close();
  }
}
