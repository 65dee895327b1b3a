/** How many requests are let through over time: token buckets. */
import { Refusal } from "./refusal.ts";

/** A bucket that fills at a steady rate and holds one second's worth. */
export class RateLimit {
  readonly #perSecond: number;
  #left: number;
  #lastMs: number;

  /** Starts full. */
  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond;
    this.#lastMs = nowMs;
  }

  /**
   * Lets one request through.
   *
   * @param whose who is limited, for the message.
   * @throws {Refusal} 429 `too-many-requests` that says when to ask again.
   */
  take(nowMs: number, whose: string): void {
    const filled = this.#left + (nowMs - this.#lastMs) * this.#perSecond / 1000;
    this.#left = Math.min(this.#perSecond, filled);
    this.#lastMs = nowMs;
    if (this.#left < 1) {
      const waitMs = (1 - this.#left) / this.#perSecond * 1000;
      throw new Refusal(
        429,
        "too-many-requests",
        `Cannot accept request: ${whose} may make ${this.#perSecond} a second`,
        Math.ceil(waitMs / 1000),
      );
    }
    this.#left--;
  }
}
