/** Threads that compute without end, as the batch jobs of a shared host do. */

const PROGRAM = "data:text/javascript," +
  encodeURIComponent("onmessage = ({ data }) => { while (Atomics.load(data, 0) === 0); };");

export class BusyThreads implements Disposable {
  readonly #threads: readonly Worker[];
  /** Not 0 once they shall end: a thread that runs a loop is terminated after seconds only. */
  readonly #ends = new Int32Array(new SharedArrayBuffer(4));

  /** Starts threads. @param count their number. */
  constructor(count: number) {
    this.#threads = Array.from({ length: count }, () => new Worker(PROGRAM, { type: "module" }));
    for (const thread of this.#threads) thread.postMessage(this.#ends);
  }

  /** Ends them. */
  [Symbol.dispose](): void {
    Atomics.store(this.#ends, 0, 1);
    for (const thread of this.#threads) thread.terminate();
  }
}
