/** Gives each lease cores of its own, by number, out of those that this process may use. */

export class CorePins {
  readonly #free: number[];

  /** @param cores that leases may have. */
  constructor(cores: readonly number[]) {
    this.#free = [...cores];
  }

  /**
   * Takes so many cores; `giveBack` may be called twice.
   *
   * @returns `undefined` when there are not as many: a node may lend more cores than it has.
   */
  take(count: number): { readonly cores: readonly number[]; giveBack(): void } | undefined {
    if (count > this.#free.length) return undefined;
    const cores = this.#free.splice(0, count);
    let held = true;
    const giveBack = () => {
      if (held) this.#free.push(...cores);
      held = false;
    };
    return { cores, giveBack };
  }
}
