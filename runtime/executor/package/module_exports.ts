/** Collects the functions of a module: its named exports, or the members of its default export. */

import { SIGNATURE } from "../../functions/signature_mark.ts";

// Bound before foreign code loads: it may replace properties of globals and prototypes.
const call = Function.prototype.call;
const objectUrl = URL.createObjectURL;
const revoke = URL.revokeObjectURL;
const MemoryFile = Blob;
const keysOf = Object.keys;
const bind = call.bind(Function.prototype.bind) as (called: unknown, self: object) => Exports;
const textOf = call.bind(Function.prototype.toString) as (called: unknown) => string;
const startsWith = call.bind(String.prototype.startsWith) as (
  text: string,
  start: string,
) => boolean;
const sort = call.bind(Array.prototype.sort) as (names: string[]) => string[];
const TypeFailure = TypeError;

/** The exports of a module by their names. */
export type Exports = Record<string | symbol, unknown>;

/** The exported names that are hooks, which clients cannot call. */
const HOOKS = ["init", "dispose"] as const;

/** The exports of a package's module, in an object of their own because a bare namespace may pass for a promise. */
export interface ModuleExports {
  readonly all: Exports;
  /** The names of functions that clients can call, sorted. */
  readonly names: readonly string[];
}

/**
 * Imports a module from memory, which needs no right to read files.
 *
 * The functions are the named exports. If there are none, they are the members of the default export, which serves
 * CommonJS modules (`module.exports = { … }`) and `export default { … }`. Classes are not served.
 *
 * @throws {TypeError} when the module exports no function. What the module throws while it loads passes through.
 */
export async function importModule(source: Uint8Array<ArrayBuffer>): Promise<ModuleExports> {
  const url = objectUrl(new MemoryFile([source], { type: "text/javascript" }));
  // A second module returns the namespace inside an object: awaiting a namespace with an export named `then` never settles.
  const wrapper = `import ${"*"} as namespace from "${url}"; export const exports = { namespace };`;
  const wrapperUrl = objectUrl(new MemoryFile([wrapper], { type: "text/javascript" }));
  let namespace: Exports;
  try {
    const loaded: { exports: { namespace: Exports } } = await import(wrapperUrl);
    namespace = loaded.exports.namespace;
  } finally {
    revoke(url);
    revoke(wrapperUrl);
  }
  const found = select(namespace) ?? select(membersOf(namespace.default));
  if (found === undefined) throw new TypeFailure(explain(namespace));
  return found;
}

function select(all: Exports): ModuleExports | undefined {
  const exported = keysOf(all);
  const names: string[] = [];
  for (let i = 0; i < exported.length; i++) {
    const name = exported[i]!;
    if (name === HOOKS[0] || name === HOOKS[1]) continue;
    if (typeof all[name] === "function" && !isClass(all[name])) names[names.length] = name;
  }
  return names.length === 0 ? undefined : { all, names: sort(names) };
}

/** Returns the functions of an object, bound to it because they may use `this`. */
function membersOf(object: unknown): Exports {
  const members = { __proto__: null } as unknown as Exports;
  if (typeof object !== "object" || object === null) return members;
  const names = keysOf(object);
  for (let i = 0; i < names.length; i++) {
    const member = (object as Exports)[names[i]!];
    if (typeof member !== "function" || isClass(member)) continue;
    const bound = bind(member, object); // keeps the kind of function and the number of parameters
    const mark = (member as unknown as Exports)[SIGNATURE];
    if (mark !== undefined) bound[SIGNATURE] = mark;
    members[names[i]!] = bound;
  }
  return members;
}

function isClass(called: unknown): boolean {
  return startsWith(textOf(called), "class");
}

const EXAMPLE = "write: export function name(input: Uint8Array, output: Uint8Array): number";

function explain(all: Exports): string {
  const names = keysOf(all);
  if (names.length === 0) {
    return `Cannot serve package: it exports nothing, since types are not part of a module that runs; ${EXAMPLE}`;
  }
  let found = "";
  for (let i = 0; i < names.length && i < 8; i++) {
    const value = all[names[i]!];
    const kind = typeof value === "function" ? "class" : value === null ? "null" : typeof value;
    found += `${i > 0 ? ", " : ""}${names[i]} (${kind})`;
  }
  return `Cannot serve package: it exports no function, only ${found}; ${EXAMPLE}`;
}
