/** Rows by a time, in memory. */

/** An index that finds the rows before a time without a scan of all of them. */
export class TimeIndex<Row> {
  readonly #msOf: (row: Row) => number | undefined;
  readonly #keyOf: (row: Row) => string;
  readonly #spanMs: number;
  readonly #spans = new Map<number, Set<Row>>();
  /** No span is before this one. */
  #first = Infinity;

  /**
   * @param msOf returns the time of a row; undefined leaves it out.
   * @param keyOf returns what no other row has. It orders them: the order in which they came differs between two runs of a
   * change, the first of which was rolled back.
   * @param spanMs rows are grouped by spans of this many milliseconds: some tens or hundreds of groups are good.
   */
  constructor(
    msOf: (row: Row) => number | undefined,
    keyOf: (row: Row) => string,
    spanMs: number,
  ) {
    this.#msOf = msOf;
    this.#keyOf = keyOf;
    this.#spanMs = spanMs;
  }

  /** Replaces one version of a row by another. */
  replace(before: Row | undefined, after: Row | undefined): void {
    const removed = before === undefined ? undefined : this.#spanOf(before);
    if (removed !== undefined) {
      const rows = this.#spans.get(removed);
      rows?.delete(before!);
      if (rows?.size === 0) this.#spans.delete(removed);
    }
    const added = after === undefined ? undefined : this.#spanOf(after);
    if (added !== undefined) {
      const rows = this.#spans.get(added);
      if (rows === undefined) this.#spans.set(added, new Set([after!]));
      else rows.add(after!);
      this.#first = Math.min(this.#first, added);
    }
  }

  /** The rows whose time is before `ms`, by their keys. */
  before(ms: number): Row[] {
    const found: Row[] = [];
    if (this.#first * this.#spanMs >= ms) return found;
    this.#first = Infinity;
    for (const [span, rows] of this.#spans) {
      this.#first = Math.min(this.#first, span);
      if (span * this.#spanMs >= ms) continue;
      for (const row of rows) if (this.#msOf(row)! < ms) found.push(row);
    }
    return found.sort((a, b) => this.#keyOf(a) < this.#keyOf(b) ? -1 : 1);
  }

  #spanOf(row: Row): number | undefined {
    const ms = this.#msOf(row);
    return ms === undefined ? undefined : Math.floor(ms / this.#spanMs);
  }
}
