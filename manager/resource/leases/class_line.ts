/** A line in which entries of a higher priority stand before all others. */
import type { Demand, Line } from "./line.ts";

interface Band<T> {
  readonly priority: number;
  readonly line: Line<T>;
}

/** Entries of clients, in the order in which they are to be served. */
export class ClassLine<T> {
  readonly #makeLine: () => Line<T>;
  /** The lines that have entries, or had some: the highest priority first. */
  readonly #bands: Band<T>[] = [];
  readonly #bandOf = new Map<T, Band<T>>();
  #entries: readonly T[] | undefined;

  /** @param makeLine makes the line of a priority. */
  constructor(makeLine: () => Line<T>) {
    this.#makeLine = makeLine;
  }

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

  add(entry: T, demand: Demand): void {
    const band = this.#band(demand.class.priority);
    band.line.add(entry, demand);
    this.#bandOf.set(entry, band);
    this.#entries = undefined;
  }

  /** Brings the order up to date. */
  refresh(): void {
    for (const { line } of this.#bands) line.refresh?.();
    this.#entries = undefined;
  }

  /** Records that an entry is served. */
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
    const band = { priority, line: this.#makeLine() };
    this.#bands.splice(at < 0 ? this.#bands.length : at, 0, band);
    return band;
  }
}
