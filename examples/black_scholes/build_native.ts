/** Makes a shared library of kernel.c, with the machine's C compiler. */

/** The library, or why there is none. */
export async function buildNative(): Promise<Uint8Array<ArrayBuffer> | string> {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-black-scholes-" });
  try {
    const source = decodeURIComponent(new URL("./kernel.c", import.meta.url).pathname);
    const args = ["-O3", "-shared", "-fPIC", "-ffp-contract=off"]; // as JavaScript: no fused multiply-add
    const { success, stderr } = await new Deno.Command("cc", {
      args: [...args, "-o", `${folder}/kernel.so`, source, "-lm"],
      stdout: "null",
    }).output();
    if (!success) return new TextDecoder().decode(stderr);
    return await Deno.readFile(`${folder}/kernel.so`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "there is no C compiler (cc)";
    throw error;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
