/** The errors of rfaas. All extend {@linkcode RfaasError}. */

import type { EndCode, LimitName } from "./protocol/end_reason.ts";

/**
 * What is known of a call whose executor or node was lost.
 *
 * - `not-run`: the call did not reach a worker. It is safe to repeat.
 * - `unknown`: the function may have run.
 */
export type Outcome = "not-run" | "unknown";

/** The base class of every error that rfaas throws for a reason outside the caller's own code. */
export class RfaasError extends Error {
  /** The class's name. */
  override name = "RfaasError";
  /** The index of the failed input of {@linkcode Lease.map}, from 0. Other calls leave it out. */
  declare index?: number;
  /**
   * The results of {@linkcode Lease.map} until it failed, at the indexes of their inputs; `undefined` where there is none.
   * Other calls leave it out.
   */
  declare results?: readonly (Uint8Array | undefined)[];
}

/** What a {@linkcode FunctionError} carries of the value that the function threw. */
export interface FunctionErrorOptions extends ErrorOptions {
  /** The `code` of the error, such as `ENOENT`. */
  readonly code?: string | number;
  /** The errors of an AggregateError. */
  readonly errors?: readonly unknown[];
  /** The value, if it is no error but plain data. */
  readonly thrown?: unknown;
  /** Its other properties, such as `status`, that are plain data. */
  readonly properties?: readonly (readonly [string, unknown])[];
}

/** Properties with a meaning that errors have now and then; the others of them are always there. */
const RESERVED: readonly string[] = ["cause", "code", "errors", "thrown", "index", "results"];

/** Adds data properties to an error, except for those that it has or inherits, or whose names have a meaning. */
export function addProperties(error: Error, properties: FunctionErrorOptions["properties"]): void {
  for (const [name, value] of properties ?? []) {
    if (name in error || RESERVED.includes(name)) continue;
    const writable = { configurable: true, enumerable: true, writable: true };
    Object.defineProperty(error, name, { ...writable, value });
  }
}

/**
 * The function threw, or broke its contract. Its `cause` is that of the error in the executor: an error with the same
 * name, message, stack and cause, or a value.
 */
export class FunctionError extends RfaasError {
  /** The class's name. */
  override name = "FunctionError";
  /** The name of the error that the function threw, such as `TypeError`; `thrown` if it threw another value. */
  readonly remoteName: string;
  /** The error's stack in the executor, or an empty string. */
  readonly remoteStack: string;
  /** The error's `code`, such as `ENOENT`, if it is a string or a number. */
  declare readonly code?: string | number;
  /** The errors of an AggregateError; other errors leave it out. */
  declare readonly errors?: readonly unknown[];
  /** The value that the function threw, if it is plain data: what JSON can represent. Errors leave it out. */
  declare readonly thrown?: unknown;

  /**
   * Makes the error.
   *
   * @param message The function's name and the message of the error that it threw.
   * @param remoteName The name of that error.
   * @param remoteStack The stack of that error, or an empty string.
   * @param options The cause, and more of that error.
   */
  constructor(
    message: string,
    remoteName: string,
    remoteStack: string,
    options?: FunctionErrorOptions,
  ) {
    const { code, errors, thrown, properties, ...rest } = options ?? {};
    super(message, rest);
    this.remoteName = remoteName;
    this.remoteStack = remoteStack;
    if (code !== undefined) this.code = code;
    if (errors !== undefined) this.errors = errors;
    if (thrown !== undefined) this.thrown = thrown;
    addProperties(this, properties);
  }
}

/** The function package exports no function of this name. */
export class UnknownFunctionError extends RfaasError {
  /** The class's name. */
  override name = "UnknownFunctionError";
}

/** A function uses a codec that this version of the client does not have. */
export class UnknownCodecError extends RfaasError {
  /** The class's name. */
  override name = "UnknownCodecError";
}

/** The argument is longer than the lease's `maxBytes`, or than a prepared call's `bytes`. */
export class ArgumentTooLongError extends RfaasError {
  /** The class's name. */
  override name = "ArgumentTooLongError";
}

/** The result is longer than the caller's output buffer. */
export class ResultTooLongError extends RfaasError {
  /** The class's name. */
  override name = "ResultTooLongError";
}

/** No reply arrived by the call's deadline. The function may still run; its slot stays in use until it ends. */
export class DeadlineExceededError extends RfaasError {
  /** The class's name. */
  override name = "DeadlineExceededError";
}

/** The executor was ended because it passed a limit of the lease, or the call requested more than a limit allows. */
export class LimitExceededError extends RfaasError {
  /** The class's name. */
  override name = "LimitExceededError";
  /** Which limit: `memory`, `call` (the time of one call), `cpu` (the processor time of the lease) or `threads`. */
  readonly limit: LimitName;

  /**
   * Makes the error.
   *
   * @param message What was ended, and by which limit.
   * @param limit The limit.
   * @param options The cause.
   */
  constructor(message: string, limit: LimitName, options?: ErrorOptions) {
    super(message, options);
    this.limit = limit;
  }
}

/** The lease has ended: its term is over, it was closed, or its node was drained. */
export class LeaseOverError extends RfaasError {
  /** The class's name. */
  override name = "LeaseOverError";
  /** Why, such as `closed`, `expired`, `draining` or `crash-loop`. */
  readonly code: EndCode;

  /**
   * Makes the error.
   *
   * @param message Which call ended with the lease, and why.
   * @param code Why the lease ended.
   * @param options The cause.
   */
  constructor(message: string, code: EndCode, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The lease was not granted. */
export class LeaseRefusedError extends RfaasError {
  /** The class's name. */
  override name = "LeaseRefusedError";
  /**
   * Why, in one word, such as `full`, `quota`, `expired`, `bad-grant`, `bad-package`, `bad-request`, `memory`,
   * `native` or `permissions`.
   */
  readonly reason: string;

  /**
   * Makes the error.
   *
   * @param message What was refused, and why.
   * @param reason The reason in one word.
   * @param options The cause.
   */
  constructor(message: string, reason: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Options of {@linkcode ExecutorLostError} and {@linkcode NodeLostError}. */
export interface LossOptions extends ErrorOptions {
  /** Why the executor or the node was lost. Left out when that is not known. */
  readonly code?: EndCode;
}

/** The executor of the call ended, or was ended, before it replied. */
export class ExecutorLostError extends RfaasError {
  /** The class's name. */
  override name = "ExecutorLostError";
  /** Whether the function may have run. */
  readonly outcome: Outcome;
  /** Why the executor was lost, such as `crashed`, `killed` or `deadline`; `undefined` when that is not known. */
  readonly code: EndCode | undefined;

  /**
   * Makes the error.
   *
   * @param message Which call was lost, and why.
   * @param outcome Whether the function may have run.
   * @param options The cause, and a code for why.
   */
  constructor(message: string, outcome: Outcome, options?: LossOptions) {
    super(message, options);
    this.outcome = outcome;
    this.code = options?.code;
  }
}

/** The node of the call, or its executor manager, is unreachable. */
export class NodeLostError extends RfaasError {
  /** The class's name. */
  override name = "NodeLostError";
  /** Whether the function may have run. */
  readonly outcome: Outcome;
  /** Why the node was lost, such as `node-lost`; `undefined` when that is not known. */
  readonly code: EndCode | undefined;

  /**
   * Makes the error.
   *
   * @param message Which call was lost, or which node, and why.
   * @param outcome Whether the function may have run.
   * @param options The cause, and a code for why.
   */
  constructor(message: string, outcome: Outcome, options?: LossOptions) {
    super(message, options);
    this.outcome = outcome;
    this.code = options?.code;
  }
}

/** The resource manager sent no response in time, or an invalid one. */
export class ManagerUnreachableError extends RfaasError {
  /** The class's name. */
  override name = "ManagerUnreachableError";
}

/** The resource manager refused the token: it is unknown, or its role does not permit the request. */
export class UnauthorizedError extends RfaasError {
  /** The class's name. */
  override name = "UnauthorizedError";
}

/** This process cannot use the fabric: it has no permission, no device, or no address in common with the node. */
export class FabricUnavailableError extends RfaasError {
  /** The class's name. */
  override name = "FabricUnavailableError";
}

/**
 * The call cannot run now, and has not run. The caller may try again later. One of these holds:
 *
 * - Every slot of the worker is in use, so that there is none to prepare a call with.
 * - Prepared calls and streams hold every slot, so that none would become free for a call that waits.
 * - The node leases more workers than it has cores, and all cores are busy. Only a prepared call throws this; other
 *   calls wait.
 * - 65,536 calls of the lease wait for a free slot already.
 */
export class BusyError extends RfaasError {
  /** The class's name. */
  override name = "BusyError";
}
