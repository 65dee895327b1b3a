/** One file from a module and everything that it imports, by Deno's own bundler (esbuild inside). */

import { LeaseRefused } from "../errors.ts";

/**
 * Bundles a TypeScript or JavaScript module, its npm imports included, to one JavaScript file. The module's own
 * deno.json (its import map) is honoured. Needs `--allow-run`; the first bundle of a machine fetches esbuild.
 *
 * @throws {LeaseRefused} reason `bad-package`, with what the bundler said.
 */
export async function bundleModule(
  entry: URL,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  let { success, stdout, stderr } = await runBundler(entry, signal).catch((cause) => {
    if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
    throw new LeaseRefused(
      `Cannot bundle ${entry.href}: run this program with --allow-run, or give the bytes of what deno bundle makes of it (${cause.message})`,
      "bad-package",
      { cause },
    );
  });
  if (!success && /esbuild/.test(new TextDecoder().decode(stderr))) {
    // The first bundle of a machine puts esbuild in its place and then removes what it was unpacked to, under the hands
    // of another that does so at the same moment (Deno 2.9.6: "failed to copy esbuild binary"). Now it is in its place.
    ({ success, stdout, stderr } = await runBundler(entry, signal));
  }
  signal?.throwIfAborted();
  if (!success || stdout.length === 0) {
    // Deno ends its message with a trace of its own insides.
    const [said = ""] = new TextDecoder().decode(stderr).slice(0, 2000).split(
      "\n\nStack backtrace:",
    );
    throw new LeaseRefused(
      `Cannot bundle ${entry.href}: ${said.trim() || "the bundler failed"}`,
      "bad-package",
    );
  }
  return stdout;
}

async function runBundler(entry: URL, signal?: AbortSignal): Promise<Deno.CommandOutput> {
  return await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform=deno", "--no-lock", entry.href],
    ...(entry.protocol === "file:" ? { cwd: new URL(".", entry) } : {}),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
    ...(signal ? { signal } : {}),
  }).output();
}
