/** What a node has to lend, and what is lent. */

import { ControlError } from "../../runtime/control/control_channel.ts";

export class Capacity {
  readonly cores: number;
  readonly memoryBytes: number;
  #usedCores = 0;
  #usedBytes = 0;

  constructor(cores: number, memoryBytes: number) {
    this.cores = cores;
    this.memoryBytes = memoryBytes;
  }

  /**
   * Takes cores and memory; the returned function gives them back, once.
   *
   * @throws {ControlError} code `full`.
   */
  take(workers: number, memoryBytes: number): () => void {
    if (this.#usedCores + workers > this.cores) {
      throw new ControlError(
        `Cannot admit ${workers} workers: ${this.cores - this.#usedCores} cores are free`,
        "full",
      );
    }
    if (this.#usedBytes + memoryBytes > this.memoryBytes) {
      throw new ControlError(
        `Cannot admit ${memoryBytes} bytes of memory: ${
          this.memoryBytes - this.#usedBytes
        } are free`,
        "full",
      );
    }
    this.#usedCores += workers;
    this.#usedBytes += memoryBytes;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#usedCores -= workers;
      this.#usedBytes -= memoryBytes;
    };
  }
}
