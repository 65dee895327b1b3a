/** The bytes of a function package, from what an app names it by. */

import { bundleModule } from "./bundle.ts";
import { LeaseRefused } from "../errors.ts";
import { MAX_PACKAGE_BYTES } from "../protocol/node_protocol.ts";
import { packageKind } from "./package_kind.ts";

/** What the bundler takes; other files are taken as they are. */
const MODULE_NAME = /\.[cm]?[jt]sx?$/i;

/**
 * The package that `functions` names: bytes as they are; a module's file bundled; WebAssembly and shared libraries read.
 *
 * @throws {LeaseRefused} reason `bad-package`, or the signal's reason.
 */
export async function readPackage(
  functions: URL | string | Uint8Array,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const source = functions instanceof Uint8Array
    ? functions.slice()
    : await readUrl(toUrl(functions), signal);
  if (source.length === 0 || source.length > MAX_PACKAGE_BYTES) {
    throw new LeaseRefused(
      `Cannot take lease: the package has ${source.length} bytes, 1 to ${MAX_PACKAGE_BYTES} are allowed`,
      "bad-package",
    );
  }
  return source;
}

async function readUrl(url: URL, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  if (url.protocol !== "file:" || MODULE_NAME.test(url.pathname)) {
    return await bundleModule(url, signal);
  }
  const bytes = await Deno.readFile(url, signal ? { signal } : {}).catch((cause) => {
    if (signal?.aborted || !(cause instanceof Error)) throw cause;
    const state = cause instanceof Deno.errors.NotFound
      ? `there is no ${url.href}`
      : `${url.href} can't be read: ${cause.message}`;
    throw new LeaseRefused(`Cannot take lease: ${state}`, "bad-package", { cause });
  });
  if (packageKind(bytes) === "module") {
    throw new LeaseRefused(
      `Cannot take lease: ${url.href} is no package: expected a module (.ts, .js), WebAssembly or a shared library`,
      "bad-package",
    );
  }
  return bytes;
}

function toUrl(functions: URL | string): URL {
  if (functions instanceof URL) return functions;
  if (/^[a-z][a-z0-9+.-]+:/i.test(functions)) return new URL(functions);
  return new URL(functions, `file://${Deno.cwd()}/`);
}
