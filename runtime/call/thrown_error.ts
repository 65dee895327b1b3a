/** Errors of what foreign code threw, from the report of a worker. */

import {
  addProperties,
  FunctionError,
  type FunctionErrorOptions,
  LeaseRefusedError,
  RfaasError,
} from "../errors.ts";
import type { PackageFailure } from "../protocol/attach.ts";
import { parseFailure, parseProperties, type Thrown } from "../protocol/failure.ts";

/** Rewrites the frames of a stack in the executor. */
export type StackTranslator = (stack: string) => string;

/** The name that stands for that of a value that is no error. */
const NO_ERROR = "thrown";

/**
 * Makes the error of a function that threw.
 *
 * @param bytes what the worker reports.
 * @returns the error; another one if the report is malformed.
 */
export function functionError(
  functionName: string,
  bytes: Uint8Array,
  translate: StackTranslator,
): RfaasError {
  try {
    const { first, parts } = readThrown(bytes, translate);
    const { name = NO_ERROR, stack = "", ...options } = parts;
    // The text of a value that is no error may show a stack.
    const text = first.name === undefined ? translate(first.message) : textOf(first);
    const message = `${functionName} threw ${text}`;
    const error = new FunctionError(message, name, stack, options);
    const frames = [...stack.split("\n"), ...(error.stack ?? "").split("\n")].filter(isFrame);
    error.stack = [`${error.name}: ${message}`, ...frames].join("\n");
    return error;
  } catch (cause) {
    const { message } = cause as Error;
    return new RfaasError(`Cannot read what ${functionName} threw: ${message}`, { cause });
  }
}

/**
 * The syntax error of a bundle in which a function awaits that is not async. esbuild makes such bundles of modules that
 * import each other.
 */
const BROKEN_AWAIT = /^Unexpected reserved word at blob:/;
const AWAIT_HINT =
  "the bundler cannot join modules that import each other if one of them awaits at " +
  "its top level and import() imports them: import them statically";

/** Makes the error of a package that threw while it was loaded. Its cause is what was thrown. */
export function packageError(
  { at, failure }: PackageFailure,
  translate: StackTranslator,
): LeaseRefusedError {
  const refused = (text: string, options: ErrorOptions) =>
    new LeaseRefusedError(`Cannot load the function package: ${text}`, "bad-package", options);
  try {
    const { first, parts } = readThrown(new TextEncoder().encode(failure), translate);
    const placed = { ...first, message: translate(first.message) };
    const text = (at === "init" ? "init threw " : "") + textOf(placed);
    const hint = BROKEN_AWAIT.test(first.message) ? `; ${AWAIT_HINT}` : "";
    return refused(text + hint, { cause: valueOf(placed, parts) });
  } catch (cause) {
    return refused(`what it threw is malformed: ${(cause as Error).message}`, { cause });
  }
}

function isFrame(line: string): boolean {
  return /^\s+at /.test(line);
}

/** The parts of a thrown value as an error is made of them. */
type Parts = FunctionErrorOptions & { readonly name?: string; readonly stack?: string };

/**
 * Reads a report.
 *
 * @throws {Error} if it is malformed.
 */
function readThrown(bytes: Uint8Array, translate: StackTranslator) {
  const all = parseFailure(bytes);
  const made: Parts[] = [];
  // Causes follow what they belong to, so the last ones are complete first.
  for (let i = all.length - 1; i >= 0; i--) made[i] = partsOf(all, i, made, translate);
  return { first: all[0]!, parts: made[0]! };
}

function partsOf(
  all: readonly Thrown[],
  index: number,
  made: readonly Parts[],
  translate: StackTranslator,
): Parts {
  const { name, message, frames, code, properties, value } = all[index]!;
  const stack = frames === undefined ? all[index]!.stack : `${name}: ${message}${frames}`;
  const errors: unknown[] = [];
  let cause: ErrorOptions = {};
  for (let i = index + 1; i < all.length; i++) {
    const { of, as } = all[i]!;
    if (of !== index) continue;
    if (as === "error") errors.push(valueOf(all[i]!, made[i]!));
    else cause = { cause: valueOf(all[i]!, made[i]!) };
  }
  return {
    ...(name === undefined ? {} : { name }),
    ...(stack === undefined ? {} : { stack: translate(stack) }),
    ...(code === undefined ? {} : { code }),
    ...(errors.length > 0 ? { errors } : {}),
    ...(properties === undefined ? {} : { properties: parseProperties(properties) }),
    ...(value === undefined ? {} : { thrown: JSON.parse(value) }),
    ...cause,
  };
}

function textOf({ name, message }: Thrown): string {
  return name === undefined ? message : `${name}: ${message}`;
}

/** The value of a cause or of an inner error: plain data, else an error, else a text. */
function valueOf(thrown: Thrown, parts: Parts): unknown {
  const { name, message } = thrown;
  if ("thrown" in parts) return parts.thrown;
  if (name === undefined) return message;
  const { stack, code, errors, properties, ...options } = parts;
  const error = errors ? new AggregateError(errors, message, options) : new Error(message, options);
  const hidden = { configurable: true, writable: true };
  Object.defineProperty(error, "name", { ...hidden, value: name });
  Object.defineProperty(error, "stack", { ...hidden, value: stack || textOf(thrown) });
  if (code !== undefined) Object.assign(error, { code });
  addProperties(error, properties);
  return error;
}
