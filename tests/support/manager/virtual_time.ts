/** Virtual time for `setTimeout` and `clearTimeout` of the whole process. */

import { setImmediate } from "node:timers";

/** Rounds of the event loop after which all work that needs no real time is complete. */
const ROUNDS = 4;

/** Replaces the timers until it is disposed. */
export class VirtualTime implements Disposable {
  nowMs = 0;
  readonly #real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  readonly #timers = new Map<number, { atMs: number; callback: () => void }>();
  #ids = 0;

  constructor() {
    const set = (callback: () => void, ms = 0) => {
      this.#timers.set(++this.#ids, { atMs: this.nowMs + ms, callback });
      return this.#ids;
    };
    globalThis.setTimeout = set as unknown as typeof setTimeout;
    globalThis.clearTimeout = ((id: number) => {
      this.#timers.delete(id);
    }) as typeof clearTimeout;
  }

  /** Advances the time by `ms` and fires timers in order. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.atMs <= untilMs)
        .sort(([, a], [, b]) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      const [id, { atMs, callback }] = due;
      this.#timers.delete(id);
      this.nowMs = Math.max(this.nowMs, atMs);
      callback();
      await this.settle();
    }
    this.nowMs = untilMs;
  }

  /** Runs pending promises until none can make progress. */
  async settle(): Promise<void> {
    for (let n = 0; n < ROUNDS; n++) await new Promise((resolve) => setImmediate(resolve));
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, this.#real);
  }
}
