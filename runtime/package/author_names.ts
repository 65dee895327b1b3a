/**
 * Puts what the author wrote in place of what the bundler made of it: the names of classes, which the bundler changes
 * where two modules use the same, and nothing of the folders of this host, which it writes into comments and keys. No
 * line changes its number, so the source map stays valid.
 */

import { parseSourceMap, type SourceMap, sourceName } from "./source_map.ts";

/** The first line of a module: a comment with its place. */
const COMMENT = "// ";
/** The first line of a module that is run later: `  "PLACE"(exports, module) {`. */
const KEY = /^ {2}("(?:[^"\\]|\\.)*")(\((?:exports(?:, module)?)?\) \{)$/;
/** A class as the bundler writes it, `var Name = class Inner extends Base {` or `class Name {`. */
const CLASS = /^( *(?:var |let |const )?)(\w+) = class(?: (\w+))?(?: extends .+)? \{$/;
const DECLARATION = /^( *class )(\w+)(?: extends .+)? \{$/;

/**
 * Returns the bundle with the author's names.
 *
 * @param map the source map in base64. Left out, or malformed: the bundle stays as it is.
 */
export function withAuthorNames(code: string, map: string | undefined): string {
  const parsed = map === undefined ? undefined : parseSourceMap(map);
  if (parsed === undefined) return code;
  const lines = code.split("\n");
  hidePlaces(lines, parsed.sources);
  restoreClasses(lines, parsed);
  return lines.join("\n");
}

/** The place of a module that is not in the folder of the package: it names folders of this host. */
const OUTSIDE = /^(?:\.\.\/|\/|[a-z][a-z0-9+.-]*:)/i;

/**
 * Removes the places of modules outside of the package's folder. They are those of the source map: a line of a template may
 * look like the name of a module, but not like one of these.
 */
function hidePlaces(lines: string[], sources: readonly string[]): void {
  const places = new Set(sources.filter((source) => OUTSIDE.test(source)));
  lines.forEach((line, at) => {
    if (line.startsWith(COMMENT)) {
      if (places.has(line.slice(COMMENT.length))) lines[at] = "//";
      return;
    }
    const [, key, rest] = KEY.exec(line) ?? [];
    if (key === undefined) return;
    const place: unknown = JSON.parse(key);
    if (typeof place === "string" && places.has(place)) {
      lines[at] = `  ${JSON.stringify(publicName(place))}${rest}`;
    }
  });
}

/** The name of a module in stacks: that of a package's file, or the last part of its place. */
function publicName(place: string): string {
  const name = sourceName(place);
  return name.startsWith("npm:") ? name : name.slice(name.lastIndexOf("/") + 1);
}

/** Gives classes that the bundler renamed the names that the source map has for them. */
function restoreClasses(lines: string[], map: SourceMap): void {
  let mappings: ReturnType<SourceMap["mappings"]> | undefined;
  lines.forEach((line, at) => {
    const [, before, outer, inner] = CLASS.exec(line) ?? DECLARATION.exec(line) ?? [];
    if (before === undefined || outer === undefined) return;
    const name = inner ?? outer;
    if (inner === undefined && !/\d$/.test(outer)) return;
    mappings ??= map.mappings();
    // A line of a text has no place in the source of its own.
    const found = mappings[at]?.find(([column]) => column === before.length);
    if (found === undefined) return;
    const written = found[4] === undefined ? outer : map.names[found[4]];
    if (written === undefined || written === name || !isRenamed(name, written)) return;
    lines[at] = `${line} static { ${renaming(name, written)} }`;
  });
}

/** Whether the bundler makes the one name of the other: `Name2` where another module has a `Name`, `_Name` within a class. */
function isRenamed(name: string, written: string): boolean {
  return name.replace(/^_+/, "").replace(/\d+$/, "") ===
    written.replace(/^_+/, "").replace(/\d+$/, "");
}

/** A class with a static `name` of its own keeps that. */
function renaming(name: string, written: string): string {
  return `if (Object.getOwnPropertyDescriptor(this, "name")?.value === "${name}") ` +
    `Object.defineProperty(this, "name", { value: "${written}", configurable: true });`;
}
