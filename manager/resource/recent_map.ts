/** A map of what was set last, for figures that are shown and not needed. */
export class RecentMap<V> {
  readonly #max: number;
  readonly #values = new Map<string, V>();

  /** @param max how many entries are kept. */
  constructor(max: number) {
    this.#max = max;
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: V): void {
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size <= this.#max) return;
    const [oldest] = this.#values.keys();
    this.#values.delete(oldest!);
  }
}
