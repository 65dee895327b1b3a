/**
 * Reserves a core for the measuring thread, and the others for all processes that it starts. Two threads that never sleep
 * wait for each other's time slices on a shared core, and a scheduler puts them on one now and then even with idle cores.
 */

import { allowedCores, keepOnCores } from "../../ffi/affinity.ts";
import { openLibc } from "../../ffi/libc.ts";
import type { Libc } from "../../ffi/libc.ts";

export class OwnCore implements Disposable {
  /** The numbers of the cores of this process. */
  readonly cores: readonly number[];
  readonly #libc: Libc;

  /** Gives all cores but the first to the processes that this thread starts from now on. */
  constructor() {
    this.#libc = openLibc();
    this.cores = allowedCores(this.#libc);
    this.#keep(this.cores.slice(1));
  }

  /** Moves this thread to the first core, after it has started all processes. */
  take(): void {
    this.#keep(this.cores.slice(0, 1));
  }

  /** Restores the cores of this thread. */
  [Symbol.dispose](): void {
    this.#keep(this.cores);
    this.#libc.close();
  }

  #keep(cores: readonly number[]): void {
    if (this.cores.length > 1) keepOnCores(this.#libc, cores); // one core cannot be divided
  }
}
