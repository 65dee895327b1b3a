/** The changes of the leader, for what waits for the next one. */
export class Succession {
  readonly #waiting = new Set<() => void>();
  #count = 0;

  /** The number of changes so far, to be read before the leader is. */
  get count(): number {
    return this.#count;
  }

  /** Another resource manager leads now, or none, or that may be so. */
  changed(): void {
    this.#count++;
    for (const wake of this.#waiting) wake();
  }

  /** Waits until there were more changes than `count`, for `ms` at most, or until the signal fires. */
  async wait(count: number, ms: number, signal: AbortSignal): Promise<void> {
    if (count !== this.#count || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#waiting.add(resolve);
    const gone = () => resolve();
    signal.addEventListener("abort", gone, { once: true });
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(resolve);
      signal.removeEventListener("abort", gone);
    }
  }
}
