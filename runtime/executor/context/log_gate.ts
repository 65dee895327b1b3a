/** Limits the rate at which functions log. The limit is on the worker's thread, since foreign code may log without end. */

import { nowMs } from "../../../ffi/intrinsics.ts";
import {
  LOG_CHARACTERS_PER_SECOND,
  LOG_LINES_PER_SECOND,
  MAX_LOG_CHARACTERS,
} from "../../policy.ts";
import type { LogLevel } from "../../control/log_relay.ts";
import { LOGS_DROPPED } from "../watch_words.ts";

// Bound before foreign code loads.
const toText = String;
const slice: (text: string, from: number, to: number) => string = Function.prototype.call.bind(
  String.prototype.slice,
);

/** A token bucket for lines and one for characters; each holds one second's worth. */
export class LogGate {
  readonly #send: (text: string, level: LogLevel) => void;
  readonly #watch: Int32Array;
  readonly #linesPerMs: number;
  readonly #charactersPerMs: number;
  #lines: number;
  #characters: number;
  #sinceMs = nowMs();

  /**
   * @param send sends a line to the client.
   * @param watch the words of watch_words.ts, which count the lines that were dropped.
   * @param share the worker's share of its lease's rate, 0 to 1.
   */
  constructor(send: (text: string, level: LogLevel) => void, watch: Int32Array, share: number) {
    this.#send = send;
    this.#watch = watch;
    this.#linesPerMs = LOG_LINES_PER_SECOND * share / 1000;
    this.#charactersPerMs = LOG_CHARACTERS_PER_SECOND * share / 1000;
    this.#lines = this.#linesPerMs * 1000;
    this.#characters = this.#charactersPerMs * 1000;
  }

  /** Sends one line, truncated to {@linkcode MAX_LOG_CHARACTERS}, or drops it. */
  log(value: unknown, level: LogLevel): void {
    const whole = toText(value);
    const text = whole.length > MAX_LOG_CHARACTERS
      ? `${slice(whole, 0, MAX_LOG_CHARACTERS)}…`
      : whole;
    this.#refill();
    if (this.#lines < 1 || this.#characters < text.length) {
      this.#watch[LOGS_DROPPED] = (this.#watch[LOGS_DROPPED]! + 1) | 0;
      return;
    }
    this.#lines--;
    this.#characters -= text.length;
    this.#send(text, level);
  }

  #refill(): void {
    const now = nowMs();
    const passedMs = now - this.#sinceMs;
    this.#sinceMs = now;
    const refilled = (left: number, perMs: number, minCapacity: number) => {
      const capacity = perMs * 1000 > minCapacity ? perMs * 1000 : minCapacity;
      const filled = left + passedMs * perMs;
      return filled < capacity ? filled : capacity;
    };
    // The smallest share must hold the longest line.
    this.#lines = refilled(this.#lines, this.#linesPerMs, 1);
    this.#characters = refilled(this.#characters, this.#charactersPerMs, MAX_LOG_CHARACTERS + 1);
  }
}
