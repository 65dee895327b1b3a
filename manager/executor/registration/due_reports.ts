/** Reports that heartbeats carry, each of them until the resource manager has answered one with it. */

export interface DueReportsOptions {
  /** The most that wait. */
  readonly max: number;
  /** The most in one heartbeat: those that have waited longest. */
  readonly perHeartbeat: number;
  /** Which ones are dropped when more would wait. */
  readonly drop: "oldest" | "newest";
}

export class DueReports<T extends object> {
  readonly #options: DueReportsOptions;
  #waiting: readonly T[] = [];

  constructor(options: DueReportsOptions) {
    this.#options = options;
  }

  add(report: T): void {
    const { max, drop } = this.#options;
    const all = [...this.#waiting, report];
    this.#waiting = drop === "oldest" ? all.slice(-max) : all.slice(0, max);
  }

  /** Those of the next heartbeat. */
  due(): readonly T[] {
    return this.#waiting.slice(0, this.#options.perHeartbeat);
  }

  /** Forgets reports of a heartbeat that was answered. Others may have been added or dropped meanwhile. */
  acknowledge(reported: readonly T[]): void {
    if (reported.length === 0) return;
    const done = new Set(reported);
    this.#waiting = this.#waiting.filter((report) => !done.has(report));
  }
}
