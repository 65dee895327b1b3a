/** A package's generator, kept between two chunks of its stream. The generator and all that it yields are foreign. */

// Bound before foreign code loads.
const apply = Reflect.apply;
const NO_ARGUMENTS: readonly [] = Object.freeze([]);
const TypeFailure = TypeError;

type Method = (this: unknown) => unknown;

/** The result of one step of a generator. */
export interface Step {
  readonly done: boolean;
  readonly value: unknown;
}

/** One open stream. Its methods call foreign code, and throw what that throws. */
export class ForeignStream {
  /** Whether steps are returned directly, rather than through promises. */
  readonly sync: boolean;
  /** Whether a step has begun and not settled. */
  advancing = false;
  readonly #iterator: object;
  readonly #next: Method;

  /** @throws {TypeError} when `iterator` is not an iterator. What reading it throws passes through. */
  constructor(iterator: unknown, sync: boolean) {
    const isObject = typeof iterator === "object" && iterator !== null;
    const next = isObject ? (iterator as { next?: unknown }).next : undefined;
    if (!isObject || typeof next !== "function") {
      throw new TypeFailure("Cannot stream: the function did not return a generator");
    }
    this.sync = sync;
    this.#iterator = iterator;
    this.#next = next as Method;
  }

  /** Runs the generator up to its next `yield`; returns a step, or a promise of one. */
  next(): unknown {
    return apply(this.#next, this.#iterator, NO_ARGUMENTS);
  }

  /** Ends the generator, so that its `finally` blocks run. */
  end(): unknown {
    const end = (this.#iterator as { return?: unknown }).return;
    return typeof end === "function"
      ? apply(end as Method, this.#iterator, NO_ARGUMENTS)
      : undefined;
  }
}

/**
 * Reads a step of an iterator.
 *
 * @throws {TypeError} when `step` is not an object. What reading it throws passes through.
 */
export function readStep(step: unknown): Step {
  if (typeof step !== "object" || step === null) {
    throw new TypeFailure("Cannot stream: a step of the generator is not an object");
  }
  const { done, value } = step as Record<string, unknown>;
  return done ? DONE : { done: false, value };
}

const DONE: Step = { done: true, value: undefined };
