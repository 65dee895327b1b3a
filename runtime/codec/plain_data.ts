/**
 * Refuses values that a format would change without an error: JSON turns a Map into `{}`, a Date into a text and NaN into
 * null, and MessagePack turns a Float64Array into bytes.
 */

import { CodecError, shown } from "./codec.ts";

/** What a format represents beyond null, booleans, finite numbers, texts, arrays and plain objects. */
export interface PlainFormat {
  /** The name of its values in messages. */
  readonly expected: string;
  /** Whether it has this object as a value of its own. */
  readonly has: (value: object) => boolean;
  /** Whether it has NaN and Infinity. */
  readonly hasAnyNumber: boolean;
  /** Whether it has lone surrogates in texts, and the key `__proto__`. */
  readonly hasAnyText: boolean;
}

/** A property of an object whose value is `undefined` counts as absent. */
const ABSENT = undefined;

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
const MAX_PATH_CHARACTERS = 200;

/**
 * Checks a value and everything in it.
 *
 * @throws {CodecError} with the path of the part that the format does not represent, such as `$.items[3].at`.
 */
export function checkPlain(value: unknown, format: PlainFormat): void {
  try {
    new PlainCheck(format).check(value, 0);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CodecError(`expected ${format.expected}, not one that is nested too deeply`);
  }
}

class PlainCheck {
  readonly #format: PlainFormat;
  /** By depth: the objects around the value, and its key in each of them. */
  readonly #around: object[] = [];
  readonly #keys: (string | number)[] = [];

  constructor(format: PlainFormat) {
    this.#format = format;
  }

  check(value: unknown, depth: number): void {
    const { hasAnyNumber, hasAnyText, has } = this.#format;
    switch (typeof value) {
      case "boolean":
        return;
      case "number":
        if (hasAnyNumber || Number.isFinite(value)) return;
        throw this.#misfit(shown(value), depth);
      case "string":
        if (hasAnyText || value.isWellFormed()) return;
        throw this.#misfit("a text with a lone surrogate", depth);
      case "object":
        if (value === null || has(value)) return;
        for (let i = 0; i < depth; i++) {
          if (this.#around[i] === value) throw this.#misfit("an object around it", depth);
        }
        this.#around[depth] = value;
        if (Array.isArray(value)) return this.#checkItems(value, depth);
        if (isPlain(value)) return this.#checkProperties(value, depth);
    }
    throw this.#misfit(shown(value), depth);
  }

  #checkItems(items: readonly unknown[], depth: number): void {
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      if (typeof item === "number" && item - item === 0) continue; // finite: most items are
      this.#keys[depth] = i;
      this.check(item, depth + 1);
    }
  }

  #checkProperties(value: object, depth: number): void {
    const { hasAnyText } = this.#format;
    for (const key in value) { // unlike Object.keys, it makes no array
      const property = (value as Record<string, unknown>)[key];
      if (property === ABSENT) continue;
      this.#keys[depth] = key;
      if (!hasAnyText && (key === "__proto__" || !key.isWellFormed())) {
        throw this.#misfit("a property with this name", depth + 1);
      }
      if (typeof property === "number" && property - property === 0) continue;
      this.check(property, depth + 1);
    }
  }

  #misfit(found: string, depth: number): CodecError {
    const path = this.#keys.slice(0, depth).map((key) =>
      typeof key === "string" && IDENTIFIER.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
    ).join("");
    const cut = path.length > MAX_PATH_CHARACTERS ? `${path.slice(0, MAX_PATH_CHARACTERS)}…` : path;
    const place = depth === 0 ? "" : ` at $${cut}`;
    return new CodecError(`expected ${this.#format.expected}${place}, not ${found}`);
  }
}

/** Whether it is an object of no class. Objects of another realm have another `Object.prototype`. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ||
    Object.getPrototypeOf(prototype) === null;
}
