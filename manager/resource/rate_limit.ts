/** Limits on the rate of requests: token buckets. */
import { RefusalError } from "./refusal.ts";

/** A bucket that fills at a steady rate and holds as much as one second adds. */
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
   * Accepts one request.
   *
   * @param subject whose requests are limited, for the message.
   * @throws {RefusalError} 429 `too-many-requests` with the time of the next retry.
   */
  take(nowMs: number, subject: string): void {
    const filled = this.#left + (nowMs - this.#lastMs) * this.#perSecond / 1000;
    this.#left = Math.min(this.#perSecond, filled);
    this.#lastMs = nowMs;
    if (this.#left < 1) {
      const waitMs = (1 - this.#left) / this.#perSecond * 1000;
      throw new RefusalError(
        429,
        "too-many-requests",
        `Cannot accept request: the limit of ${subject} is ${this.#perSecond} requests a second`,
        Math.ceil(waitMs / 1000),
      );
    }
    this.#left--;
  }
}
