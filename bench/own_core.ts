/**
 * A core for the thread that measures, and the others for all that it starts: where two threads that never sleep share a
 * core, each waits for the other's turns, and a scheduler puts them there now and then however many cores are idle.
 */

import { allowedCores, keepOnCores } from "../ffi/affinity.ts";
import { openLibc } from "../ffi/libc.ts";
import type { Libc } from "../ffi/libc.ts";

export class OwnCore implements Disposable {
  /** The cores that this process had, by number. */
  readonly cores: readonly number[];
  readonly #libc: Libc;

  /** From now on the processes that this thread starts have all cores but the first. */
  constructor() {
    this.#libc = openLibc();
    this.cores = allowedCores(this.#libc);
    this.#keep(this.cores.slice(1));
  }

  /** This thread has the first core: all that it needs has been started. */
  take(): void {
    this.#keep(this.cores.slice(0, 1));
  }

  /** Gives this thread all its cores back. */
  [Symbol.dispose](): void {
    this.#keep(this.cores);
    this.#libc.close();
  }

  #keep(cores: readonly number[]): void {
    if (this.cores.length > 1) keepOnCores(this.#libc, cores); // with one core there is nothing to divide
  }
}
