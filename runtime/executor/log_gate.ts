/** What functions log, let through at a rate: foreign code may log without end, and this thread is where that stops. */

import { nowMs } from "../../ffi/intrinsics.ts";
import { LOG_CHARACTERS_PER_SECOND, LOG_LINES_PER_SECOND, MAX_LOG_CHARACTERS } from "../policy.ts";
import { LOGS_DROPPED } from "./watch_words.ts";

// Held before foreign code is loaded.
const toText = String;
const slice: (text: string, from: number, to: number) => string = Function.prototype.call.bind(
  String.prototype.slice,
);

/** Counts what it lets through; a second's worth may come at once. */
export class LogGate {
  readonly #send: (text: string) => void;
  readonly #watch: Int32Array;
  readonly #linesPerMs: number;
  readonly #charactersPerMs: number;
  #lines: number;
  #characters: number;
  #sinceMs = nowMs();

  /**
   * @param share the worker's part of its lease's rate, 0 to 1.
   * @param watch the words of watch_words.ts, where what is dropped is counted.
   */
  constructor(send: (text: string) => void, watch: Int32Array, share: number) {
    this.#send = send;
    this.#watch = watch;
    this.#linesPerMs = LOG_LINES_PER_SECOND * share / 1000;
    this.#charactersPerMs = LOG_CHARACTERS_PER_SECOND * share / 1000;
    this.#lines = this.#linesPerMs * 1000;
    this.#characters = this.#charactersPerMs * 1000;
  }

  /** Sends one line, cut to the longest that there may be, or drops it. */
  log(value: unknown): void {
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
    this.#send(text);
  }

  #refill(): void {
    const now = nowMs();
    const passedMs = now - this.#sinceMs;
    this.#sinceMs = now;
    const full = (left: number, perMs: number, least: number) => {
      const most = perMs * 1000 > least ? perMs * 1000 : least;
      const more = left + passedMs * perMs;
      return more < most ? more : most;
    };
    // A small share must still let its longest line through some time.
    this.#lines = full(this.#lines, this.#linesPerMs, 1);
    this.#characters = full(this.#characters, this.#charactersPerMs, MAX_LOG_CHARACTERS + 1);
  }
}
