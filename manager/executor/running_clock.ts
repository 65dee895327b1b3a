/** How long this process has run: a monotonic clock that stands still while the process is stopped. */

/** How often it looks. */
const LOOK_MS = 500;
/**
 * A process that has not looked for this long was stopped, or its host was: as long as the resource manager takes to
 * call a node lost. Shorter pauses happen to every process on a busy host.
 */
const STOPPED_MS = 3000;

export class RunningClock implements Disposable {
  readonly #monotonicMs: () => number;
  readonly #timer: ReturnType<typeof setInterval>;
  #lookedMs: number;
  #stoodMs = 0;

  /** @param monotonicMs milliseconds with a fraction. @default performance.now */
  constructor(monotonicMs = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
    this.#lookedMs = monotonicMs();
    this.#timer = setInterval(() => this.nowMs(), LOOK_MS);
  }

  nowMs(): number {
    const atMs = this.#monotonicMs();
    const sinceMs = atMs - this.#lookedMs;
    if (sinceMs >= STOPPED_MS) this.#stoodMs += sinceMs;
    this.#lookedMs = atMs;
    return atMs - this.#stoodMs;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
