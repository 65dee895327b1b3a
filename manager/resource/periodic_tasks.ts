import type { Logger } from "../log.ts";

/** Tasks that run at fixed intervals until they are disposed of. A failure is logged, and the task goes on. */
export class PeriodicTasks implements AsyncDisposable {
  readonly #log: Logger;
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  readonly #running = new Set<Promise<void>>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @param failure the log message of a failure, where `{error}` stands for its reason. */
  every(intervalMs: number, failure: string, task: () => Promise<void>): void {
    const run = async () => {
      try {
        await task();
      } catch (error) {
        this.#log.error(failure, { error });
      }
    };
    const start = () => {
      const running = run().finally(() => this.#running.delete(running));
      this.#running.add(running);
    };
    this.#timers.push(setInterval(start, intervalMs));
  }

  /** Starts no more tasks, and waits for those that run. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#running);
  }
}
