/** The version of a library that the loader finds. */

/**
 * The file of a library, such as `libibverbs.so.1.14.44.0`, whose last two numbers are the version of rdma-core.
 *
 * @returns `undefined` when the library cannot be loaded.
 * @throws {Deno.errors.NotCapable} when reading /proc is not permitted.
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
