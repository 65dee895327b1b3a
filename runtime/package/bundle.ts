/** Bundles a module and everything that it imports into one file, by `deno bundle` (esbuild inside). */

import { denoEnvironment } from "../child_environment.ts";
import { LeaseRefusedError } from "../errors.ts";

/** The most characters of the bundler's message that an error contains. */
const MAX_MESSAGE_CHARACTERS = 2000;

/** The program that a compiled app bundles with: {@linkcode Deno.execPath} is the app itself there, which has no bundler. */
const DENO = "deno";

/** Options of {@linkcode bundleModule}. */
export interface BundleOptions {
  /** Ends the bundler. */
  readonly signal?: AbortSignal;
  /** Whether the bundle ends with its source map, in a comment. @default {false} */
  readonly sourceMap?: boolean;
}

/**
 * Bundles a TypeScript or JavaScript module, its npm imports included, into one JavaScript file. The bundler follows the
 * module's own `deno.json` (import map) and `deno.lock` (versions, integrity), and may import from the hosts that this
 * program may import from. Needs `--allow-run`. The first bundle on a machine downloads esbuild.
 *
 * @param entry the module's URL.
 * @returns the bundle, as UTF-8.
 * @throws {LeaseRefusedError} reason `bad-package`, with the bundler's message; or if `--allow-run` is missing, the module's
 * folder, or the bundler of a compiled program.
 */
export async function bundleModule(
  entry: URL,
  options: BundleOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const hosts = new Set<string>();
  let raced = false;
  for (;;) {
    const { success, stdout, stderr } = await runBundler(entry, hosts, options);
    options.signal?.throwIfAborted();
    if (success && stdout.length > 0) return stdout;
    const message = new TextDecoder().decode(stderr);
    const host = /Requires import access to "([^"]+)"/.exec(message)?.[1];
    if (host !== undefined && !hosts.has(host) && mayImport(host)) {
      hosts.add(host);
    } else if (!raced && /esbuild/.test(message)) {
      // Two first bundles on a machine race: one removes the files from which the other unpacks esbuild (Deno 2.9.6:
      // "failed to copy esbuild binary"). The second attempt finds esbuild installed.
      raced = true;
    } else {
      throw new LeaseRefusedError(
        `Cannot bundle ${entry.href}: ${explain(message)}`,
        "bad-package",
      );
    }
  }
}

async function runBundler(
  entry: URL,
  hosts: ReadonlySet<string>,
  { signal, sourceMap = false }: BundleOptions,
): Promise<Deno.CommandOutput> {
  const bundler = new Deno.Command(Deno.build.standalone ? DENO : Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--platform=deno",
      ...(sourceMap ? ["--sourcemap=inline"] : []),
      ...(hosts.size > 0 ? [`--allow-import=${[...hosts].join()}`] : []),
      entry.href,
    ],
    ...(entry.protocol === "file:" ? { cwd: new URL(".", entry) } : {}),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    clearEnv: true,
    env: denoEnvironment(),
    ...(signal ? { signal } : {}),
  });
  try {
    return await bundler.output(); // it throws at once when it cannot start
  } catch (cause) {
    const state = startFailure(entry, cause);
    if (state === undefined) throw cause;
    throw new LeaseRefusedError(`Cannot bundle ${entry.href}: ${state}`, "bad-package", { cause });
  }
}

const PASS_BYTES = "pass the bytes of a bundle that deno bundle made";

/** Why the bundler did not start. */
function startFailure(entry: URL, cause: unknown): string | undefined {
  if (cause instanceof Deno.errors.NotCapable) {
    return `run this program with --allow-run, or ${PASS_BYTES} (${cause.message})`;
  }
  if (!(cause instanceof Deno.errors.NotFound)) return undefined;
  if (/\bcwd\b/.test(cause.message)) {
    return `there is no folder ${decodeURIComponent(new URL(".", entry).pathname)}`;
  }
  return Deno.build.standalone
    ? `a compiled program has no bundler, and there is no ${DENO} on its PATH: ${PASS_BYTES}`
    : `there is no program ${Deno.execPath()}`;
}

/** Returns whether this program may import from a host. */
function mayImport(host: string): boolean {
  return Deno.permissions.querySync({ name: "import", host }).state === "granted";
}

function explain(message: string): string {
  const missing = [...message.matchAll(/^error: Could not convert path to URL\.\n +Path: (\S+)/gm)];
  if (missing.length > 0) {
    const names = [...new Set(missing.map(([, name]) => name))].join(", ");
    return `it needs packages that are not installed: ${names}`;
  }
  const raw =
    /attribute type of "(\w+)" is unsupported\.\n +Specifier: (\S+)\n +hint: run with --unstable-raw-imports/
      .exec(message);
  if (raw) {
    return `to import ${raw[2]} as ${raw[1]}, its deno.json needs "unstable": ["raw-imports"]`;
  }
  const certificates = /Failed opening CA file: (.+)/.exec(message);
  if (certificates) {
    const file = denoEnvironment()["DENO_CERT"];
    return `the certificates in ${file} cannot be read: ${
      certificates[1]
    } (DENO_CERT names that file)`;
  }
  if (/Failed loading \S+ for package "@esbuild/.test(message)) {
    return "the bundler is not in Deno's cache, and cannot be downloaded: where rfaas is installed, " +
      `run rfaas doctor once as this user (${message.trim().split("\n", 1)[0]})`;
  }
  // Deno appends a backtrace of its own code to the message.
  const [text = ""] = message.slice(0, MAX_MESSAGE_CHARACTERS).split("\n\nStack backtrace:");
  const cannotCache = /failed to create directory|Read-only file system|Permission denied/i.test(
    text,
  );
  return (text.trim() || "the bundler failed") +
    (cannotCache ? " (its cache must be writable: set DENO_DIR to another folder)" : "");
}
