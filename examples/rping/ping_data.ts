/**
 * The data of a ping: `rdma-ping-ROUND: `, then the characters from `A` to `z` repeatedly, and a zero at the end. Each
 * round begins one character later.
 */

import { PingError } from "./errors.ts";

/** The sizes that rping accepts (`rping -S`): enough for the longest number, and less than 64 KiB. */
export const LEAST_PING_BYTES = 23;
export const MOST_PING_BYTES = 65535;

const FIRST = "A".charCodeAt(0);
const CHARACTERS = "z".charCodeAt(0) - FIRST + 1;

/** Fills `bytes` with the ping of a round, counted from 0. */
export function fillPing(bytes: Uint8Array, round: number): void {
  const { written } = new TextEncoder().encodeInto(`rdma-ping-${round}: `, bytes);
  for (let i = written; i < bytes.length; i++) {
    bytes[i] = FIRST + (round + i - written) % CHARACTERS;
  }
  bytes[bytes.length - 1] = 0;
}

/**
 * Checks every byte of a ping.
 *
 * @param what Completes "Cannot accept …".
 * @throws {PingError} With code `data` and the first byte that differs.
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
