/** Assigns exclusive cores to leases, by number, out of those that this process may use. */

/** The cores of a node that no lease has. */
export class CorePins {
  readonly #free: number[];

  /** @param cores the numbers of the cores that leases may have. */
  constructor(cores: readonly number[]) {
    this.#free = [...cores];
  }

  /**
   * Takes `count` cores; `release` may be called twice.
   *
   * @returns `undefined` when fewer are free: a node may lend more cores than it has.
   */
  take(count: number): { readonly cores: readonly number[]; release(): void } | undefined {
    if (count > this.#free.length) return undefined;
    const cores = this.#free.splice(0, count);
    let held = true;
    const release = () => {
      if (held) this.#free.push(...cores);
      held = false;
    };
    return { cores, release };
  }
}
