/** What a watch looks at, at intervals while there is anything. */

export class WatchedSet<Watched> implements Disposable {
  readonly #everyMs: number;
  readonly #look: (watched: Watched) => void;
  readonly #all = new Set<Watched>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param look is called for each entry, and may remove it. */
  constructor(everyMs: number, look: (watched: Watched) => void) {
    this.#everyMs = everyMs;
    this.#look = look;
  }

  add(watched: Watched): void {
    this.#all.add(watched);
    this.#timer ??= setInterval(() => this.#all.forEach(this.#look), this.#everyMs);
  }

  delete(watched: Watched): void {
    this.#all.delete(watched);
    if (this.#all.size === 0) this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
