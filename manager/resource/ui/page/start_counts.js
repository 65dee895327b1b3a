/** How many leases started in each of the last minutes, and in what time, as the stream has shown it so far. */

/** @typedef {import("../shown_cluster.ts").ShownChange} ShownChange */
/** @typedef {import("../../books/start_counts.ts").StartColumn} StartColumn */
/** @typedef {"pooled" | "cold"} Kind */
/** A range of times, with the leases of each column. @typedef {{ name: string, counts: readonly number[], total: number }} StartRow */
/** @typedef {{ columns: readonly number[], rows: readonly StartRow[], total: number }} StartMap  `columns` are the times at which they begin */

const MINUTE_MS = 60_000;

export class StartCounts {
  /** By minute. @type {Map<number, StartColumn>} */
  #columns = new Map();
  /** @type {readonly number[]} */
  #boundsMs = [];
  #minutes = 0;

  /** @param {Pick<ShownChange, "whole" | "nowMs" | "starts">} change */
  apply({ whole, nowMs, starts }) {
    if (whole) this.#columns.clear();
    this.#boundsMs = starts.boundsMs;
    this.#minutes = starts.minutes;
    for (const column of starts.columns) this.#columns.set(column.minute, column);
    const over = Math.floor(nowMs / MINUTE_MS) - this.#minutes;
    for (const minute of this.#columns.keys()) if (minute <= over) this.#columns.delete(minute);
  }

  /**
   * The counts up to a time, with the longest starts first.
   *
   * @param {Kind} kind
   * @param {number} nowMs
   * @param {number} minutesEach how many minutes a column has
   * @returns {StartMap}
   */
  map(kind, nowMs, minutesEach) {
    const last = Math.floor(nowMs / MINUTE_MS / minutesEach);
    const first = last + 1 - Math.floor(this.#minutes / minutesEach);
    const columns = Array.from(
      { length: last + 1 - first },
      (_, at) => (first + at) * minutesEach * MINUTE_MS,
    );
    const rows = rangeNames(this.#boundsMs).map((name) => ({
      name,
      counts: columns.map(() => 0),
      total: 0,
    }));
    let total = 0;
    for (const [minute, column] of this.#columns) {
      const at = Math.floor(minute / minutesEach) - first;
      for (const [bucket, count] of column[kind].entries()) {
        const row = rows[bucket];
        if (row?.counts[at] === undefined) continue;
        row.counts[at] += count;
        row.total += count;
        total += count;
      }
    }
    return { columns, rows: rows.reverse(), total };
  }
}

/** The names of all ranges, of which the last one has no end. @param {readonly number[]} boundsMs */
function rangeNames(boundsMs) {
  const names = boundsMs.map((toMs, at) => {
    const fromMs = boundsMs[at - 1] ?? 0;
    return toMs < 1000 ? `${fromMs}–${toMs} ms` : `${fromMs / 1000}–${toMs / 1000} s`;
  });
  const lastMs = boundsMs.at(-1);
  return lastMs === undefined ? names : [...names, `over ${lastMs / 1000} s`];
}
