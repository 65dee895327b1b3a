/** A generator of a package, held for its client between two chunks. Whatever it is and gives is foreign. */

// Held before foreign code is loaded.
const apply = Reflect.apply;
const NO_ARGUMENTS: readonly [] = Object.freeze([]);
const TypeFailure = TypeError;

type Method = (this: unknown) => unknown;

/** What one step gave. */
export interface Step {
  readonly done: boolean;
  readonly value: unknown;
}

export class ForeignStream {
  /** Its steps are there at once, not by a promise. */
  readonly sync: boolean;
  /** A step is under way. */
  advancing = false;
  readonly #iterator: object;
  readonly #next: Method;

  /** @throws {TypeError} when it is no iterator, or what reading it throws. */
  constructor(iterator: unknown, sync: boolean) {
    const isObject = typeof iterator === "object" && iterator !== null;
    const next = isObject ? (iterator as { next?: unknown }).next : undefined;
    if (!isObject || typeof next !== "function") {
      throw new TypeFailure("Cannot stream: the function must give a generator");
    }
    this.sync = sync;
    this.#iterator = iterator;
    this.#next = next as Method;
  }

  next(): unknown {
    return apply(this.#next, this.#iterator, NO_ARGUMENTS);
  }

  /** Ends it, so that its `finally` runs. */
  end(): unknown {
    const end = (this.#iterator as { return?: unknown }).return;
    return typeof end === "function"
      ? apply(end as Method, this.#iterator, NO_ARGUMENTS)
      : undefined;
  }
}

/** @throws {TypeError} when it is no step of an iterator, or what reading it throws. */
export function readStep(step: unknown): Step {
  if (typeof step !== "object" || step === null) {
    throw new TypeFailure("Cannot stream: a step of the generator must be an object");
  }
  const { done, value } = step as Record<string, unknown>;
  return done ? DONE : { done: false, value };
}

const DONE: Step = { done: true, value: undefined };
