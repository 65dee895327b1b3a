/** Arguments that are numbers. */

import { InvalidArgumentError } from "commander";
import { parseBytes } from "../runtime/client/lease_options.ts";
import { maxLeaseWaitMs } from "../runtime/http/manager_api.ts";

/** Reads a whole number of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It is not a whole number of ${least} or more.`);
    }
    return value;
  };
}

/** Reads a number, with or without a fraction. */
export function fraction(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) {
    throw new InvalidArgumentError("It is not a number.");
  }
  return value;
}

/** Reads milliseconds, with or without a fraction. */
export function milliseconds(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError("It is not a number above 0.");
  }
  return value;
}

/** Reads how long to wait for a lease, in seconds with or without a fraction. */
export function waitSeconds(text: string): number {
  const value = Number(text);
  const most = maxLeaseWaitMs / 1000;
  if (text.trim() === "" || !(value >= 0 && value <= most)) {
    throw new InvalidArgumentError(`It is not a number from 0 to ${most}.`);
  }
  return value;
}

/** Reads a size such as `256MiB`. */
export function byteSize(text: string): number {
  try {
    return parseBytes(text, "size");
  } catch {
    throw new InvalidArgumentError('It is not a size such as "256MiB".');
  }
}
