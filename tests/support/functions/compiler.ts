/** Shared libraries made by this host's compilers. */

/** Whether a program can be started. */
async function starts(program: string): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(program, {
      args: ["--version"],
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false;
  }
}

/** The end of a test's name where it is skipped; empty where there are both compilers. */
export const compilerNeeded = await starts("cc") && await starts("c++")
  ? ""
  : " (needs cc and c++)";

/** Compiles C or C++ to a shared library; `flags` replace `-shared`. */
export async function compile(
  source: string,
  { language = "c", flags = ["-shared"] }: {
    language?: "c" | "c++";
    flags?: readonly string[];
  } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-cc-" });
  try {
    await Deno.writeTextFile(`${folder}/source`, source);
    const { success, stderr } = await new Deno.Command(language === "c" ? "cc" : "c++", {
      args: ["-O2", "-fPIC", ...flags, "-x", language, "-o", `${folder}/out`, `${folder}/source`],
      stderr: "piped",
    }).output();
    if (!success) throw new Error(`Cannot compile: ${new TextDecoder().decode(stderr)}`);
    return await Deno.readFile(`${folder}/out`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The C source of a function with the interface of rFaaS. */
export function rfaasFunction(name: string, body: string): string {
  return `#include <stdint.h>
uint32_t ${name}(void *in, uint32_t size, void *out) { ${body} }\n`;
}
