/** Requests that wait until a node reports something: until its next heartbeat. */

/** A wait for a report, from the moment at which it was made. */
export interface AwaitedReport extends Disposable {
  /**
   * Whether a report has come, within so many milliseconds. False at once if too many wait, or the resource manager closes.
   *
   * @throws the reason of the signal.
   */
  within(waitMs: number, signal: AbortSignal): Promise<boolean>;
}

export class NodeReports {
  readonly #maxWaiting: number;
  readonly #waiting = new Map<string, Set<(hasCome: boolean) => void>>();
  #size = 0;
  #closed = false;

  /** @param maxWaiting how many requests may wait at a time. */
  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  /** Begins to wait for a report of a node. */
  await(node: string): AwaitedReport {
    const isRefused = this.#closed || this.#size >= this.#maxWaiting;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    if (isRefused) resolve(false);
    else this.#add(node, resolve);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stopListening = () => {};
    return {
      within: (waitMs, signal) => {
        if (signal.aborted) return Promise.reject(signal.reason);
        const abort = () => reject(signal.reason);
        signal.addEventListener("abort", abort, { once: true });
        stopListening = () => signal.removeEventListener("abort", abort);
        timer = setTimeout(() => resolve(false), waitMs);
        return promise;
      },
      [Symbol.dispose]: () => {
        clearTimeout(timer);
        stopListening();
        if (!isRefused) this.#remove(node, resolve);
      },
    };
  }

  /** A node has reported something, or was removed. */
  notify(node: string): void {
    for (const resolve of this.#waiting.get(node) ?? []) resolve(true);
  }

  /** Ends all waits, and allows no others. */
  close(): void {
    this.#closed = true;
    for (const waiting of this.#waiting.values()) {
      for (const resolve of waiting) resolve(false);
    }
  }

  #add(node: string, resolve: (hasCome: boolean) => void): void {
    this.#size++;
    const waiting = this.#waiting.get(node);
    if (waiting) waiting.add(resolve);
    else this.#waiting.set(node, new Set([resolve]));
  }

  #remove(node: string, resolve: (hasCome: boolean) => void): void {
    this.#size--;
    const waiting = this.#waiting.get(node)!;
    waiting.delete(resolve);
    if (waiting.size === 0) this.#waiting.delete(node);
  }
}
