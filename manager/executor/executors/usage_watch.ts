/**
 * Reads the kernel's count of each executor often, since the kernel keeps none for a process that is gone. A function that
 * ends its own process would otherwise use the cores unbilled since the last bill.
 */

/** Between two readings, which take a microsecond each. */
const READ_EVERY_MS = 25;

export class UsageWatch implements Disposable {
  readonly #reads = new Set<() => void>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Calls `read` at intervals until the returned function is called. */
  watch(read: () => void): () => void {
    this.#reads.add(read);
    this.#timer ??= setInterval(() => {
      for (const each of this.#reads) each();
    }, READ_EVERY_MS);
    return () => {
      this.#reads.delete(read);
      if (this.#reads.size === 0) this[Symbol.dispose]();
    };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
