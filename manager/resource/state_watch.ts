import type { Logger } from "../log.ts";
import { RefusalError } from "./refusal.ts";
import type { Store } from "./store/store.ts";

/** The file that a path names. */
interface Identity {
  readonly path: string;
  readonly file: string;
}

/**
 * Watches whether the files of the state are still at their paths, and whether the store still writes to them. A process
 * goes on writing to a file that was deleted, and everything that it has acknowledged is lost at its end.
 */
export class StateWatch {
  readonly #log: Logger;
  readonly #expected: readonly Identity[];
  readonly #store: Pick<Store, "failure">;
  #problem: string | undefined;

  private constructor(
    log: Logger,
    expected: readonly Identity[],
    store: Pick<Store, "failure">,
  ) {
    this.#log = log;
    this.#store = store;
    this.#expected = expected;
  }

  /** @param paths the files that exist now; others are left out. */
  static async open(
    paths: readonly string[],
    store: Pick<Store, "failure">,
    log: Logger,
  ): Promise<StateWatch> {
    const expected: Identity[] = [];
    for (const path of paths) {
      const file = await identityOf(path);
      if (file !== undefined) expected.push({ path, file });
    }
    return new StateWatch(log, expected, store);
  }

  /** Looks for the first problem, and logs it once. */
  async check(): Promise<void> {
    const problem = this.#store.failure?.state ?? await this.#lostFile();
    if (problem !== this.#problem) {
      if (problem === undefined) this.#log.info("The state folder is back");
      else this.#log.error("State is not kept: {problem}. {advice}", { problem, advice: ADVICE });
    }
    this.#problem = problem;
  }

  /** @throws {RefusalError} 503 `no-state` if what is new would be lost at a restart. */
  assertKept(): void {
    if (this.#problem === undefined) return;
    throw new RefusalError(503, "no-state", `Cannot keep state: ${this.#problem}`, 1);
  }

  /** Compares the files with those that were opened. */
  async #lostFile(): Promise<string | undefined> {
    for (const { path, file } of this.#expected) {
      const present = await identityOf(path);
      if (present !== file) return `${path} ${present === undefined ? "is gone" : "was replaced"}`;
    }
    return undefined;
  }
}

const ADVICE =
  "No leases are granted: move the folder back, or check the disk and restart the resource manager";

async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await Deno.stat(path);
    return `${dev} ${ino}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}
