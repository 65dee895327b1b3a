/** Reads the function package that an app passes as `functions`. */

import { withAuthorNames } from "./author_names.ts";
import { bundleModule } from "./bundle.ts";
import { LeaseRefusedError } from "../errors.ts";
import { placeModule } from "./module_place.ts";
import { MAX_PACKAGE_BYTES } from "../protocol/node_protocol.ts";
import { packageKind } from "./package_kind.ts";
import { splitSourceMap, stackTranslator } from "./source_map.ts";

/** Files that the bundler accepts; other files are used as they are. */
const MODULE_NAME = /\.[cm]?[jt]sx?$/i;

/** A function package, as a client has it. */
export interface FunctionPackage {
  readonly source: Uint8Array<ArrayBuffer>;
  /** Rewrites the places of a stack in the executor to those in the author's files. */
  readonly translate: (stack: string) => string;
}

/**
 * Reads a package. Bytes are copied, a module is bundled, WebAssembly and shared libraries are read.
 *
 * @throws {LeaseRefusedError} reason `bad-package`. When the signal fires, its reason is thrown instead.
 */
export async function readPackage(
  functions: URL | string | Uint8Array,
  signal?: AbortSignal,
): Promise<FunctionPackage> {
  const source = functions instanceof Uint8Array
    ? functions.slice()
    : await readUrl(toUrl(functions), signal);
  if (packageKind(source) !== "module") {
    return { source: checkSize(source), translate: (stack) => stack };
  }
  // The code before placeModule() is checked too, which lengthens an empty module.
  const bundle = new TextDecoder().decode(source);
  const { code, map } = splitSourceMap(bundle);
  if (code.length === 0 || code.length === bundle.length) checkSize(source);
  const placed = placeModule(withAuthorNames(code, map));
  return {
    source: checkSize(new TextEncoder().encode(placed.code)),
    translate: stackTranslator(map, placed.shift),
  };
}

function checkSize(source: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (source.length === 0 || source.length > MAX_PACKAGE_BYTES) {
    throw new LeaseRefusedError(
      `Cannot read package: it has ${source.length} bytes, expected 1 to ${MAX_PACKAGE_BYTES}`,
      "bad-package",
    );
  }
  return source;
}

async function readUrl(url: URL, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  if (url.protocol !== "file:" || MODULE_NAME.test(url.pathname)) {
    return await bundleModule(url, { sourceMap: true, ...(signal ? { signal } : {}) });
  }
  const bytes = await Deno.readFile(url, signal ? { signal } : {}).catch((cause) => {
    if (signal?.aborted || !(cause instanceof Error)) throw cause;
    const state = cause instanceof Deno.errors.NotFound ? "there is no such file" : cause.message;
    throw new LeaseRefusedError(`Cannot read package ${url.href}: ${state}`, "bad-package", {
      cause,
    });
  });
  if (packageKind(bytes) === "module") {
    throw new LeaseRefusedError(
      `Cannot read package ${url.href}: expected a module (.ts, .js), WebAssembly or a shared library`,
      "bad-package",
    );
  }
  return bytes;
}

/** A text with a scheme is a URL; any other text is a path, whatever characters it has. */
function toUrl(functions: URL | string): URL {
  if (functions instanceof URL) return functions;
  if (/^(?:[a-z][a-z0-9+.-]+:\/\/|(?:data|blob|npm|jsr):)/i.test(functions)) {
    return new URL(functions);
  }
  // By hand: a module that imports node:url fails `deno check` in projects with a node_modules folder (Deno 2.9.6).
  const path = functions.startsWith("/") ? functions : `${Deno.cwd()}/${functions}`;
  return new URL(path.split("/").map(encodeURIComponent).join("/"), "file:///");
}
