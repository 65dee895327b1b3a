/** Any class, abstract ones included. `never[]` stands for constructor parameters of every type. */
type Class<T> = abstract new (...args: never[]) => T;

/**
 * Asserts that a value is truthy.
 *
 * @throws {Error} `AssertionError` if it is not.
 */
export function assert(expr: unknown, msg?: string): asserts expr;

/**
 * Asserts that two numbers differ by at most `tolerance`.
 *
 * @param tolerance One ten-millionth of `expected` by default.
 * @throws {Error} `AssertionError` if they differ by more.
 */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void;

/**
 * Asserts that two values are deeply equal.
 *
 * @throws {Error} `AssertionError` if they are not.
 */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void;

/**
 * Asserts that two values are not deeply equal.
 *
 * @throws {Error} `AssertionError` if they are.
 */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void;

/**
 * Asserts that two values are the same by `Object.is()`.
 *
 * @throws {Error} `AssertionError` if they are not.
 */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T;

/**
 * Asserts that two values are not the same by `Object.is()`.
 *
 * @throws {Error} `AssertionError` if they are.
 */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void;

/**
 * Asserts that a value is an instance of a class.
 *
 * @throws {Error} `AssertionError` if it is not.
 */
export function assertInstanceOf<T>(
  actual: unknown,
  expectedType: Class<T>,
  msg?: string,
): asserts actual is T;

/**
 * Asserts that a text matches a regular expression.
 *
 * @throws {Error} `AssertionError` if it does not.
 */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void;

/**
 * Asserts that a text contains another one.
 *
 * @throws {Error} `AssertionError` if it does not.
 */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void;

/**
 * Asserts that a function throws.
 *
 * @returns What it threw.
 * @throws {Error} `AssertionError` if it throws nothing.
 */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/**
 * Asserts that a function throws an error of a class.
 *
 * @param msgIncludes A part of the error's message.
 * @returns The error.
 * @throws {Error} `AssertionError` if it throws nothing, or something else.
 */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): E;

/**
 * Asserts that a function returns a promise that rejects.
 *
 * @returns What the promise rejected with.
 * @throws {Error} `AssertionError` if the promise resolves, or the function throws or returns no promise.
 */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/**
 * Asserts that a function returns a promise that rejects with an error of a class.
 *
 * @param msgIncludes A part of the error's message.
 * @returns The error.
 * @throws {Error} `AssertionError` if the promise resolves or rejects with something else, or the function
 * throws or returns no promise.
 */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
