/** Shared libraries from the machine's own compilers. */

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

/** What a test's name ends with where it is skipped; empty where both compilers are there. */
export const compilerNeeded = await starts("cc") && await starts("c++")
  ? ""
  : " (needs cc and c++)";

/** Compiles C, or C++, to a shared library, or to what `flags` ask for in place of `-shared`. */
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

/** The interface of rFaaS, to be followed by a body in braces. */
export function rfaasFunction(name: string, body: string): string {
  return `#include <stdint.h>
uint32_t ${name}(void *in, uint32_t size, void *out) { ${body} }\n`;
}
