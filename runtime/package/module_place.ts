/** Makes a bundled module behave as a file at a fixed place, which reveals nothing about a host. */

// @ts-types="./es_module_lexer.d.ts"
import { type ImportSpecifier, parse } from "../../vendor/es_module_lexer.js";
import { MODULE_URL, PROGRAM } from "./module_url.ts";

/** Replaces `import.meta` in the module's text. */
const META = "__rfaasMeta";
/** Checks what an `import()` names where that is computed. */
const NAMED = "__rfaasNamed";
/** The types of imports and of an `import.meta` in the lexer's results. */
const STATIC_IMPORT = 1;
const DYNAMIC_IMPORT = 2;
const IMPORT_META = 3;

/**
 * The function {@linkcode NAMED}. Deno's own error names the `blob:` URL of the module if the text is a path, and a flag of
 * the executor if it is a package. A text that cannot be made rejects the promise of `import()`.
 */
const CHECK_NAME =
  "(to) => /^(?:\\.{0,2}\\/|(?:npm|jsr|https?):)/.test(to) ? { toString() { throw new TypeError(" +
  "`Cannot import ${to}: the package does not contain it; write its name as a text in import(), where the bundler finds it`" +
  ") } } : to";

/**
 * Inserted before the module, without a line break, so that line numbers in stacks stay correct. Executors import
 * modules from memory by a `blob:` URL. `createRequire()`, `fileURLToPath()` and relative URLs do not accept such a URL,
 * and bundles of CommonJS packages call the first of them before anything else.
 */
const PROLOGUE = `const ${META} = { __proto__: null, url: "${MODULE_URL}", ` +
  `filename: "/package/functions.js", dirname: "/package", main: false, ` +
  `resolve: (to) => /^[a-z][a-z0-9+.-]*:/i.test(to) ? to : new URL(to, "${MODULE_URL}").href }; ` +
  `const ${NAMED} = ${CHECK_NAME}; globalThis.__filename ??= ${META}.filename; globalThis.__dirname ??= ${META}.dirname; `;

/**
 * Stands for `node:os` with other functions in place of those that many packages call while they load, and that a worker
 * has no right to call. It replaces them in the object too that `require()` returns.
 */
const OS_MODULE =
  "data:text/javascript,import o from %22node:os%22; export * from %22node:os%22; " +
  "o.hostname = () => %22worker%22; o.homedir = () => %22/%22; " +
  "export const { hostname, homedir } = o; export default o;";

/** Makes what shows the folders of a node the same on each: the facts of `process` that are no functions. */
const HIDE_PLACES = `p.argv.splice(0, 2, %22${PROGRAM}%22, %22/package/functions.js%22); ` +
  `p.execPath = %22${PROGRAM}%22; `;
/** Stands for `node:process`. */
const PROCESS_MODULE = "data:text/javascript,import p from %22node:process%22; " + HIDE_PLACES +
  "export * from %22node:process%22; export default p;";

/**
 * Stands for `node:module`, whose `require()` throws the error of a file that is not there (ENOENT) in a worker, which
 * may not look for files. Packages that can do without another one check the code that Node.js gives.
 */
const MODULE_MODULE =
  "data:text/javascript,import m from %22node:module%22; export * from %22node:module%22; " +
  "import p from %22node:process%22; " + HIDE_PLACES +
  "const find = m._resolveFilename; " +
  "m._resolveFilename = (name, ...rest) => { try { return find.call(m, name, ...rest); } catch (e) { " +
  "throw e?.code !== %22ENOENT%22 ? e : Object.assign(new Error(`Cannot find module '${name}'`), " +
  "{ code: %22MODULE_NOT_FOUND%22, requireStack: [] }); } }; export default m;";

/** The builtins that other modules stand for, by what a static import names. */
const STAND_INS: { readonly [specifier: string]: string | undefined } = {
  __proto__: null!,
  os: OS_MODULE,
  "node:os": OS_MODULE,
  module: MODULE_MODULE,
  process: PROCESS_MODULE,
  "node:process": PROCESS_MODULE,
  "node:module": MODULE_MODULE,
};
const OS_PROLOGUE = `import "${OS_MODULE}"; `;

/**
 * Replaces each `import.meta` of a module, and its imports of builtins that another module stands for. A module that does not parse is returned
 * unchanged: the executor reports its error.
 *
 * @param text the code of one bundled module.
 * @returns a module that behaves as a file at {@linkcode MODULE_URL}, and the number of characters before its first line.
 */
export function placeModule(text: string): { readonly code: string; readonly shift: number } {
  const edits: Edit[] = [];
  try {
    for (const found of parse(text)[0]) edits.push(...editsOf(found, text));
  } catch {
    return { code: text, shift: 0 };
  }
  edits.sort((a, b) => a.from - b.from); // an import() may have others in its expression
  let placed = "";
  let end = 0;
  for (const { from, to, by } of edits) {
    placed += text.slice(end, from) + by;
    end = to;
  }
  const rest = (placed + text.slice(end)).replace(/^#!/, "//");
  const prologue = /["'](node:)?os["']/.test(text) ? OS_PROLOGUE + PROLOGUE : PROLOGUE;
  return {
    code: prologue + rest,
    shift: prologue.length,
  };
}

/** A part of the text, and what stands in its place. */
interface Edit {
  readonly from: number;
  readonly to: number;
  readonly by: string;
}

function editsOf({ t, n, s, e, ss, se }: ImportSpecifier, text: string): Edit[] {
  if (t === IMPORT_META) return [{ from: ss, to: se, by: META }];
  const named = text.slice(s, e);
  if (t === STATIC_IMPORT) {
    const standIn = STAND_INS[named];
    return standIn === undefined ? [] : [{ from: s, to: e, by: standIn }];
  }
  // A comment at the end of a line would hide the bracket.
  if (t !== DYNAMIC_IMPORT || n !== undefined || named.includes("//")) return [];
  return [{ from: s, to: s, by: `${NAMED}(` }, { from: e, to: e, by: ")" }];
}
