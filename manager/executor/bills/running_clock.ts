/** Measures how long this process has run: a monotonic clock that stands still while the process is stopped. */

/** The time between two readings. */
const LOOK_MS = 500;
/**
 * A gap between two readings that means that the process, or its host, was stopped. It is the time after which the
 * resource manager declares a node lost. Shorter gaps happen to every process on a busy host.
 */
const STOPPED_MS = 3000;

/** The clock by which a node bills the time that leases are held. */
export class RunningClock implements Disposable {
  readonly #monotonicMs: () => number;
  readonly #timer: ReturnType<typeof setInterval>;
  #lookedMs: number;
  #stoppedMs = 0;

  /** @param monotonicMs a monotonic clock in milliseconds, with fractions. The default is `performance.now`. */
  constructor(monotonicMs = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
    this.#lookedMs = monotonicMs();
    this.#timer = setInterval(() => this.nowMs(), LOOK_MS);
  }

  /** Milliseconds, with fractions, without the time for which the process was stopped. */
  nowMs(): number {
    const atMs = this.#monotonicMs();
    const sinceMs = atMs - this.#lookedMs;
    if (sinceMs >= STOPPED_MS) this.#stoppedMs += sinceMs;
    this.#lookedMs = atMs;
    return atMs - this.#stoppedMs;
  }

  /** Stops the timer. May be called twice. */
  close(): void {
    clearInterval(this.#timer);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
