/** Time that passes when told to, for `setTimeout` and `clearTimeout` of the whole process. */
import { setImmediate } from "node:timers";

/** Rounds of the event loop after which all that needs no real time has been done. */
const ROUNDS = 4;

export class VirtualTime implements Disposable {
  nowMs = 0;
  readonly #real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  readonly #timers = new Map<number, { atMs: number; act: () => void }>();
  #ids = 0;

  constructor() {
    const set = (act: () => void, ms = 0) => {
      this.#timers.set(++this.#ids, { atMs: this.nowMs + ms, act });
      return this.#ids;
    };
    globalThis.setTimeout = set as unknown as typeof setTimeout;
    globalThis.clearTimeout = ((id: number) => {
      this.#timers.delete(id);
    }) as typeof clearTimeout;
  }

  /** Lets time pass, and timers fire in their order. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.atMs <= untilMs)
        .sort(([, a], [, b]) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      const [id, { atMs, act }] = due;
      this.#timers.delete(id);
      this.nowMs = Math.max(this.nowMs, atMs);
      act();
      await this.settle();
    }
    this.nowMs = untilMs;
  }

  /** Lets all promises go as far as they can. */
  async settle(): Promise<void> {
    for (let n = 0; n < ROUNDS; n++) await new Promise((resolve) => setImmediate(resolve));
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, this.#real);
  }
}
