/** Translates stacks of a bundled module to its sources. It runs on the client: nodes never receive the names of files. */

import { MODULE_URL } from "./module_url.ts";
import * as v from "../valibot.ts";
// @ts-types="./sourcemap_codec.d.ts"
import { decode } from "../../vendor/sourcemap_codec.js";

/** The map at the end of a bundle, as `deno bundle --sourcemap=inline` writes it. */
const INLINE_MAP = /\n\/\/# sourceMappingURL=data:application\/json;base64,([A-Za-z0-9+/=]+)\s*$/;

const mapSchema = v.object({
  sources: v.array(v.string()),
  names: v.optional(v.array(v.string()), []),
  mappings: v.string(),
});

/** A source map. */
export interface SourceMap {
  readonly sources: readonly string[];
  readonly names: readonly string[];
  /** Decodes the mappings: by line of the bundle, in the order of their columns. */
  mappings(): ReturnType<typeof decode>;
}

/** Reads a source map in base64; undefined if it is malformed. */
export function parseSourceMap(base64: string): SourceMap | undefined {
  try {
    const text = new TextDecoder().decode(Uint8Array.fromBase64(base64));
    const { sources, names, mappings } = v.parse(mapSchema, JSON.parse(text));
    return { sources, names, mappings: () => decode(mappings) };
  } catch {
    return undefined;
  }
}

/** Splits a bundle into its code and its source map. */
export function splitSourceMap(bundle: string): { readonly code: string; readonly map?: string } {
  const at = bundle.lastIndexOf("\n//# sourceMappingURL=data:");
  const found = at < 0 ? null : INLINE_MAP.exec(bundle.slice(at));
  return found ? { code: bundle.slice(0, at + 1), map: found[1]! } : { code: bundle };
}

/** A place in the bundle: an executor imports it from memory, by a URL that names nothing. */
const BUNDLE_PLACE = /blob:null\/[\da-f-]{36}:(\d{1,9}):(\d{1,9})/g;

/**
 * Makes a function that rewrites each place in a bundle to the place in the sources, relative to the package, such as
 * `./lib/sum.ts:3:9` or `npm:uuid@9.0.1/dist/v4.js:8:1`. The map is decoded when the first stack needs it.
 *
 * @param map the source map in base64. Left out: places in the bundle keep their numbers, at `file:///package/functions.js`.
 * @param shift the number of characters that were inserted before the bundle's first line.
 */
export function stackTranslator(
  map: string | undefined,
  shift: number,
): (stack: string) => string {
  let find: ((line: number, column: number) => string | undefined) | undefined;
  return (stack) =>
    stack.replace(BUNDLE_PLACE, (_, lineText, columnText) => {
      find ??= placeFinder(map);
      const line = Number(lineText);
      const column = Number(columnText) - (line === 1 ? shift : 0);
      return find(line - 1, column - 1) ?? `${MODULE_URL}:${line}:${column}`;
    });
}

/** Returns a function that finds the source of a place in the bundle. A malformed map has no sources. */
function placeFinder(
  base64: string | undefined,
): (line: number, column: number) => string | undefined {
  const map = base64 === undefined ? undefined : parseSourceMap(base64);
  if (map === undefined) return () => undefined; // stacks keep the places in the bundle
  const lines = map.mappings();
  const sources = map.sources.map(sourceName);
  return (line, column) => {
    const found = lines[line]?.findLast(([at]) => at <= column);
    if (found === undefined || found.length === 1) return undefined;
    const [, source, sourceLine, sourceColumn] = found;
    const name = sources[source];
    return name === undefined ? undefined : `${name}:${sourceLine + 1}:${sourceColumn + 1}`;
  };
}

/** Returns the name of a source for people: that of a package instead of its place in the cache of this host. */
export function sourceName(source: string): string {
  const cached = /\/npm\/[^/]+\/((?:@[^/]+\/)?[^/]+)\/(\d[^/]*)\/(.+)$/.exec(source);
  if (cached) return `npm:${cached[1]}@${cached[2]}/${cached[3]}`;
  return /^(?:[a-z][a-z0-9+.-]*:|\.|\/)/i.test(source) ? source : `./${source}`;
}
