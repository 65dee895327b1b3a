/** Arguments that are numbers. */

import { InvalidArgumentError } from "commander";
import { parseBytes } from "../runtime/lease_options.ts";

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

/** Reads milliseconds, with or without a fraction. */
export function milliseconds(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError("It is not a number above 0.");
  }
  return value;
}

/** Reads seconds, with or without a fraction, or none. */
export function secondsOrNone(text: string): number {
  return text.trim() !== "" && Number(text) === 0 ? 0 : milliseconds(text);
}

/** Reads a size such as `256MiB`. */
export function byteSize(text: string): number {
  try {
    return parseBytes(text, "size");
  } catch {
    throw new InvalidArgumentError('It is not a size such as "256MiB".');
  }
}
