/** Compiles C to a shared library, with the C compiler of the host. */

/** Returns the library, or the reason why it cannot be compiled. */
async function compileLibrary(
  source: URL,
  ...options: string[]
): Promise<Uint8Array<ArrayBuffer> | string> {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-kernel-" });
  try {
    const { success, stderr } = await new Deno.Command("cc", {
      args: [
        "-O3",
        "-shared",
        "-fPIC",
        "-o",
        `${folder}/kernel.so`,
        ...options,
        pathOf(source),
        "-lm",
      ],
      stdout: "null",
    }).output();
    if (!success) return new TextDecoder().decode(stderr);
    return await Deno.readFile(`${folder}/kernel.so`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "no C compiler (cc) is installed";
    throw error;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function pathOf(file: URL): string {
  return decodeURIComponent(file.pathname);
}

/** The configuration of a node that runs native code, which it does only in a sandbox. */
export const NATIVE_NODE = pathOf(new URL("./native_node.json", import.meta.url));

/** As {@linkcode compileLibrary}, or the reason why this host cannot run a library. */
export async function runnableLibrary(
  source: URL,
  ...options: string[]
): Promise<Uint8Array<ArrayBuffer> | string> {
  const problem = await sandboxProblem();
  if (problem !== undefined) return `a node runs native code only in a sandbox, and ${problem}`;
  return await compileLibrary(source, ...options);
}

/** Why bubblewrap cannot make a sandbox here. Many containers have it and forbid what it needs. */
async function sandboxProblem(): Promise<string | undefined> {
  try {
    const { success, stderr } = await new Deno.Command("/usr/bin/bwrap", {
      args: ["--unshare-all", "--ro-bind", "/", "/", "true"],
      stdout: "null",
    }).output();
    return success ? undefined : new TextDecoder().decode(stderr).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "bubblewrap is not installed";
    throw error;
  }
}
