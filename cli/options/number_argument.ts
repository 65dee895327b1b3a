/** Arguments that are numbers. */

import { InvalidArgumentError } from "commander";
import { tryParseBytes } from "../../runtime/byte_size.ts";
import { MAX_LEASE_WAIT_MS } from "../../runtime/http/manager_api.ts";

/** Returns a parser of integers of at least `min`. */
export function integerFrom(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min) {
      throw new InvalidArgumentError(`Expected an integer of at least ${min}`);
    }
    return value;
  };
}

/** Parses a number. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) {
    throw new InvalidArgumentError("Expected a number");
  }
  return value;
}

/** Parses milliseconds, with or without a fraction. */
export function milliseconds(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError("Expected a number above 0");
  }
  return value;
}

/** Parses how long to wait for a lease, in seconds, with or without a fraction. */
export function waitSeconds(text: string): number {
  const value = Number(text);
  const max = MAX_LEASE_WAIT_MS / 1000;
  if (text.trim() === "" || !(value >= 0 && value <= max)) {
    throw new InvalidArgumentError(`Expected a number from 0 to ${max}`);
  }
  return value;
}

/** Parses a size such as `256MiB`. */
export function byteSize(text: string): number {
  const bytes = tryParseBytes(text);
  if (bytes === undefined) throw new InvalidArgumentError('Expected a size such as "256MiB"');
  return bytes;
}
