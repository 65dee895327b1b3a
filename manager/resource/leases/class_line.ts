/** A line in which entries of a higher priority stand before all others, and clients of one priority take turns. */
import { FairLine } from "./fair_line.ts";

interface Band<T> {
  readonly priority: number;
  readonly line: FairLine<T>;
}

/** Entries of clients, in the order in which they are to be served. */
export class ClassLine<T> {
  /** The lines that have entries, or had some: the highest priority first. */
  readonly #bands: Band<T>[] = [];
  readonly #bandOf = new Map<T, Band<T>>();
  #entries: readonly T[] | undefined;

  /** How many wait. */
  get size(): number {
    return this.#bandOf.size;
  }

  /** All entries, in their order. */
  get entries(): readonly T[] {
    const [first, ...others] = this.#bands;
    if (first === undefined || others.length === 0) return first?.line.entries ?? [];
    return this.#entries ??= this.#bands.flatMap(({ line }) => line.entries);
  }

  /** How many entries have this priority or a higher one. These are the first ones. */
  sizeFrom(priority: number): number {
    return this.#bands.reduce(
      (sum, band) => band.priority < priority ? sum : sum + band.line.size,
      0,
    );
  }

  has(entry: T): boolean {
    return this.#bandOf.has(entry);
  }

  /** How many entries of a client wait. */
  countOf(client: string): number {
    return this.#bands.reduce((sum, { line }) => sum + line.countOf(client), 0);
  }

  /**
   * The entry that has to leave first for another one: of the lowest priority, that of the client with most entries, and
   * of these the last.
   *
   * @returns undefined if there is none.
   */
  lowest(): { priority: number; client: string; count: number; last: T } | undefined {
    const band = this.#bands.findLast(({ line }) => line.size > 0);
    const largest = band?.line.largest();
    return largest && { priority: band!.priority, ...largest };
  }

  add(entry: T, client: string, priority: number): void {
    const band = this.#band(priority);
    band.line.add(entry, client);
    this.#bandOf.set(entry, band);
    this.#entries = undefined;
  }

  /** Records that an entry is served: clients without any begin after its turn. */
  served(entry: T): void {
    this.#bandOf.get(entry)?.line.served(entry);
  }

  /** Removes an entry. @returns whether it was there. */
  delete(entry: T): boolean {
    const band = this.#bandOf.get(entry);
    this.#bandOf.delete(entry);
    this.#entries = undefined;
    return band?.line.delete(entry) ?? false;
  }

  #band(priority: number): Band<T> {
    const at = this.#bands.findIndex((band) => band.priority <= priority);
    const found = this.#bands[at];
    if (found?.priority === priority) return found;
    const band = { priority, line: new FairLine<T>() };
    this.#bands.splice(at < 0 ? this.#bands.length : at, 0, band);
    return band;
  }
}
