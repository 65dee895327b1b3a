/** The properties of a foreign error beside those that each error has, such as `status`: those that are plain data. */

import { MAX_PROPERTIES } from "../../protocol/failure.ts";
import { plainJson } from "./plain_json.ts";

// Bound before foreign code can replace it.
const keysOf = Object.keys;
const prototypeOf = Object.getPrototypeOf;
const descriptorOf = Object.getOwnPropertyDescriptor;
const hasOwn = Object.hasOwn;
const stringify = JSON.stringify;

/** The name and the value, each as JSON. */
export interface Property {
  readonly name: string;
  readonly value: string;
}

/** Properties that have a field of the report, or would hide what an error has. */
const RESERVED: Record<string, true | undefined> = Object.assign(Object.create(null), {
  name: true,
  message: true,
  stack: true,
  cause: true,
  code: true,
  errors: true,
  ["__proto__"]: true,
});

/** How many classes an error may descend from. */
const MAX_CLASSES = 16;

/**
 * Reads an error's enumerable properties, the first {@linkcode MAX_PROPERTIES}: its own, then those of its classes, where
 * `http-errors` has its `status`. It runs no getter.
 */
export function dataProperties(error: unknown): Property[] {
  const found: Property[] = [];
  const seen = Object.assign(Object.create(null), RESERVED) as typeof RESERVED;
  try {
    let holder = error;
    for (let depth = 0; depth < MAX_CLASSES && holder !== null; depth++) {
      addProperties(found, seen, holder as object);
      holder = prototypeOf(holder);
    }
  } catch { /* a proxy whose traps throw */ }
  return found;
}

function addProperties(found: Property[], seen: typeof RESERVED, holder: object): void {
  const names = keysOf(holder);
  for (let i = 0; i < names.length && found.length < MAX_PROPERTIES; i++) {
    const name = names[i]!;
    if (seen[name]) continue;
    seen[name] = true;
    const descriptor = descriptorOf(holder, name);
    if (descriptor === undefined || !hasOwn(descriptor, "value")) continue;
    const value = plainJson(descriptor.value);
    if (value !== undefined) found[found.length] = { name: stringify(name), value };
  }
}

/** Returns the JSON of those that fit into so many characters; undefined if none does. */
export function propertiesText(
  properties: readonly Property[],
  characters: number,
): string | undefined {
  let text = "";
  for (let i = 0; i < properties.length; i++) {
    const { name, value } = properties[i]!;
    if (text.length + name.length + value.length + 3 > characters) continue;
    text += `${text === "" ? "{" : ","}${name}:${value}`;
  }
  return text === "" ? undefined : `${text}}`;
}
