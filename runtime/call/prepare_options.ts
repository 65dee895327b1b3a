/** The options of prepared calls. */

import { ArgumentTooLongError } from "../errors.ts";

/** Options of {@linkcode Lease.prepare}. */
export interface PrepareOptions {
  /** The size of the argument buffer, in bytes, 0 to the lease's `maxBytes`. @default {maxBytes} */
  bytes?: number;
  /** The size of the result buffer, in bytes, 0 to the lease's `maxBytes`. @default {maxBytes} */
  resultBytes?: number;
  /** The index of the worker that runs the calls, from 0. Left out: the worker with most free slots. */
  worker?: number;
}

/** Options of one call of a {@linkcode PreparedCall}. */
export interface PreparedCallOptions {
  /**
   * The time that the call may take, in milliseconds, 0 or more. Then it fails with
   * {@linkcode DeadlineExceededError}. @default {Infinity}
   */
  deadlineMs?: number;
}

/**
 * Checks the size of a buffer.
 *
 * @throws {RangeError} When it is not a whole number of bytes.
 * @throws {ArgumentTooLongError} When it is greater than `maxBytes`.
 */
export function checkBytes(name: string, value: number, maxBytes: number): number {
  if (!Number.isInteger(value) || value < 0) {
    throw new RangeError(
      `Cannot prepare call: expected a whole number of bytes as ${name}, not ${value}`,
    );
  }
  if (value > maxBytes) {
    throw new ArgumentTooLongError(
      `Cannot prepare call: ${name} is ${value}, the lease's maxBytes is ${maxBytes}`,
    );
  }
  return value;
}
