/** The JSON of a foreign value that is plain data. */

// Bound before foreign code can replace it.
const stringify = JSON.stringify;
const isFinite = Number.isFinite;
const keysOf = Object.keys;
const prototypeOf = Object.getPrototypeOf;
const setPrototypeOf = Object.setPrototypeOf;
const objectPrototype = Object.prototype;
const arrayPrototype = Array.prototype;
const NotPlain = Error;

/**
 * Returns the JSON of plain data: text, finite numbers, booleans, null, and arrays and objects of them. Properties that
 * are undefined are left out.
 *
 * @returns undefined for a value that JSON would change, or that has such a value inside: an object of a class, a function,
 * a bigint, NaN, a cycle.
 */
export function plainJson(value: unknown): string | undefined {
  try {
    return stringify(copy(value));
  } catch { // a cycle ends at the limit of the stack; getters and traps may throw
    return undefined;
  }
}

/** Copies plain data. Each value is read once, and copies have no prototype, which may have a foreign `toJSON`. */
function copy(value: unknown): unknown {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number" && isFinite(value)) return value;
  if (typeof value !== "object") throw new NotPlain();
  const prototype = prototypeOf(value);
  if (prototype === arrayPrototype) {
    const items: unknown[] = setPrototypeOf([], null);
    const { length } = value as unknown[];
    for (let i = 0; i < length; i++) items[i] = copy((value as unknown[])[i]);
    return items;
  }
  if (prototype !== null && prototype !== objectPrototype) throw new NotPlain();
  const members: Record<string, unknown> = { __proto__: null! };
  const names = keysOf(value);
  for (let i = 0; i < names.length; i++) {
    const member = (value as Record<string, unknown>)[names[i]!];
    if (member !== undefined) members[names[i]!] = copy(member);
  }
  return members;
}
