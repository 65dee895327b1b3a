/**
 * What a ping carries: `rdma-ping-ROUND: `, then the characters from `A` to `z` over and over, which begin one later
 * each round, and a zero at the end.
 */

import { PingError } from "./errors.ts";

/** The sizes that rping takes (`rping -S`): room for the longest number, and less than 64 KiB. */
export const LEAST_PING_BYTES = 23;
export const MOST_PING_BYTES = 65535;

const FIRST = "A".charCodeAt(0);
const CHARACTERS = "z".charCodeAt(0) - FIRST + 1;

/** Fills `bytes` with the ping of a round; rounds count from 0. */
export function fillPing(bytes: Uint8Array, round: number): void {
  const { written } = new TextEncoder().encodeInto(`rdma-ping-${round}: `, bytes);
  for (let i = written; i < bytes.length; i++) {
    bytes[i] = FIRST + (round + i - written) % CHARACTERS;
  }
  bytes[bytes.length - 1] = 0;
}

/**
 * Compares every byte.
 *
 * @param what completes "Cannot accept …".
 * @throws {PingError} code `data`, with the first byte that differs.
 */
export function checkPing(bytes: Uint8Array, round: number, what: string): void {
  const expected = new Uint8Array(bytes.length);
  fillPing(expected, round);
  const at = bytes.findIndex((byte, i) => byte !== expected[i]);
  if (at < 0) return;
  throw new PingError(
    `Cannot accept ${what} of round ${round}: byte ${at} of ${bytes.length} is ${
      bytes[at]
    }, expected ${expected[at]}`,
    "data",
  );
}

/** The text of a ping, up to its zero, as rping prints it. */
export function pingText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end));
}
