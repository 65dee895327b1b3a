/**
 * Makes a package of functions with a model: one JavaScript file with the code, and with files as bytes. A worker reads no
 * files, so all of it travels in the package.
 *
 * @module
 */

/** The flag that lets the bundler import files as bytes. */
const CONFIG = { unstable: ["raw-imports"], nodeModulesDir: "none" };

/** What a package is made of. */
export interface ModelPackage {
  /** The name of the example. */
  readonly name: string;
  /** The module that exports the functions. Its folder has the files. */
  readonly entry: string;
  /** The lock file of the npm packages. */
  readonly lock: URL;
  /** Returns the files by the names that they get in the folder. @param folder has the lock file. */
  files(folder: string): Promise<Readonly<Record<string, string>>>;
}

/** The package, as a file until it is disposed: threads and processes import it, and a lease sends its bytes. */
export interface BuiltPackage extends AsyncDisposable {
  readonly module: URL;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Bundles the functions with the files, which are copied: files of an npm package are seldom among its exports. */
export async function buildModelPackage(made: ModelPackage): Promise<BuiltPackage> {
  const folder = await Deno.makeTempDir({ prefix: `rfaas-${made.name.replaceAll("_", "-")}-` });
  const remove = () => Deno.remove(folder, { recursive: true });
  try {
    await Deno.copyFile(made.lock, `${folder}/deno.lock`);
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(CONFIG));
    await Deno.writeTextFile(`${folder}/functions.ts`, made.entry);
    for (const [name, path] of Object.entries(await made.files(folder))) {
      await Deno.copyFile(path, `${folder}/${name}`);
    }
    // Bundles as rfaas does, which takes a bundle as it is.
    const bytes = await denoOutput(folder, "bundle", "--quiet", "--platform=deno", "functions.ts");
    await Deno.writeFile(`${folder}/package.js`, bytes);
    return {
      module: new URL(`file://${folder}/package.js`),
      bytes,
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/**
 * Finds an npm package in Deno's cache, where it is fetched if need be.
 *
 * @param folder has the lock file.
 * @param name with its version, such as `echarts@6.1.0`.
 * @returns the folder of its files.
 */
export async function npmFolder(folder: string, name: string): Promise<string> {
  const text = await denoOutput(folder, "info", "--json", `npm:${name}`);
  const { npmPackages } = JSON.parse(new TextDecoder().decode(text));
  return npmPackages[name].localPath;
}

async function denoOutput(folder: string, ...args: string[]): Promise<Uint8Array<ArrayBuffer>> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: folder,
    stdin: "null",
  }).output();
  if (success) return stdout;
  throw new Error(`Cannot build the package: ${new TextDecoder().decode(stderr)}`);
}
