/** The cores and memory that a node has for leases, how many of them it lends, and how much is in use. */

import { ControlError } from "../../../runtime/control/control_channel.ts";

export class Capacity {
  readonly cores: number;
  readonly memoryBytes: number;
  /** The cores that it lends at present. Fewer than are in use, while leases move to other nodes. */
  lentCores: number;
  #usedCores = 0;
  #usedBytes = 0;

  constructor(cores: number, memoryBytes: number) {
    this.cores = cores;
    this.lentCores = cores;
    this.memoryBytes = memoryBytes;
  }

  get usedCores(): number {
    return this.#usedCores;
  }

  /** The cores in use beyond those that it lends. */
  get excessCores(): number {
    return Math.max(0, this.#usedCores - this.lentCores);
  }

  get #freeCores(): number {
    return Math.max(0, this.lentCores - this.#usedCores);
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Takes cores and memory. The returned function releases them; it may be called twice.
   *
   * @throws {ControlError} code `full`.
   */
  take(workers: number, memoryBytes: number): () => void {
    if (workers > this.#freeCores) {
      throw new ControlError(
        `Cannot admit ${workers} workers: ${this.#freeCores} cores are free`,
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
