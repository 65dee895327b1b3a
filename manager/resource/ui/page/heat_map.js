/** A heat map: a row for each range, a column for each span of time, and a color for each count. */
import { clockText, countText, plural } from "./format.js";
import { html, useRef, useState } from "./html.js";

/** @typedef {import("./start_counts.js").StartMap} StartMap */
/** @typedef {import("./start_counts.js").StartRow} StartRow */
/** @typedef {{ row: number, column: number }} Cell */

/** The least count of each color. */
const LEVELS = [1, 2, 5, 20, 100, 500];
/** How many columns one time of the axis has for itself. */
const COLUMNS_EACH_TICK = 10;

/** @param {number} count */
function colorOf(count) {
  return `heat-${LEVELS.filter((least) => least <= count).length}`;
}

/** What the colors mean. */
export function HeatLegend() {
  return html`
    <ul class="legend" aria-label="Leases in a cell">
      <li class="note">Leases in a cell</li>
      ${LEVELS.map((least, at) =>
        html`
          <li key=${least}><svg class="heat-key" viewBox="0 0 10 10" aria-hidden="true"><rect
            class=${colorOf(
              least,
            )} width="10" height="10" /></svg>${levelText(least, LEVELS[at + 1])}</li>
        `
      )}
    </ul>
  `;
}

/** @param {number} least @param {number | undefined} next */
function levelText(least, next) {
  if (next === undefined) return `${least} or more`;
  return next === least + 1 ? `${least}` : `${least}–${next - 1}`;
}

/**
 * A row that has the focus moves by arrow keys: up and down to other rows, left and right along its cells.
 *
 * @param {{ title: string, map: StartMap }} props
 */
export function HeatMap({ title, map: { columns, rows, total } }) {
  const [cell, setCell] = useState(/** @type {Cell | undefined} */ (undefined));
  const [stop, setStop] = useState(0);
  const body = useRef(/** @type {HTMLElement | null} */ (null));
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const to = moved(event.key, cell ?? { row: stop, column: columns.length }, rows);
    if (to === undefined) return;
    event.preventDefault();
    const strips = body.current?.querySelectorAll(".strip") ?? [];
    /** @type {SVGElement | undefined} */ (strips[to.row])?.focus(); // first: the row that loses it unsets the cell
    setStop(to.row);
    setCell(to);
  };
  const spotted = cell && rows[cell.row]?.counts[cell.column] !== undefined ? cell : undefined;
  return html`
    <figure class="heat">
      <figcaption>${title} <span class="note">${spotted === undefined
        ? `${plural(total, "lease")} in the last hour`
        : cellText(spotted, columns, rows)}</span></figcaption>
      <table aria-label=${title}>
        <thead class="hidden-head">
          <tr>
            <th scope="col">Time to start</th>
            <th scope="col">Leases over time</th>
            <th scope="col">Leases</th>
          </tr>
        </thead>
        <tbody ref=${body} onKeyDown=${onKeyDown} onPointerLeave=${() => setCell(undefined)}
          onFocusOut=${() => setCell(undefined)}>
          ${rows.map((row, at) =>
            html`
              <tr key=${row.name}>
                <th scope="row">${row.name}</th>
                <td class="cells">
                  <${Strip} row=${row} columns=${columns}
                    isTabStop=${at === stop} spotted=${spotted?.row === at
                      ? spotted.column
                      : undefined}
                    onFocus=${() => setStop(at)}
                    onSpot=${(/** @type {number} */ column) => setCell({ row: at, column })} />
                </td>
                <td class="right ${row.total === 0 ? "note" : ""}">${countText(row.total)}</td>
              </tr>
            `
          )}
        </tbody>
      </table>
      <${TimeAxis} columns=${columns} />
      <p class="unseen" role="status">${spotted && cellText(spotted, columns, rows)}</p>
    </figure>
  `;
}

/**
 * @param {{ row: StartRow, columns: readonly number[], isTabStop: boolean, spotted: number | undefined,
 *   onFocus: () => void, onSpot: (column: number) => void }} props
 */
function Strip({ row: { name, counts, total }, columns, isTabStop, spotted, onFocus, onSpot }) {
  const onPointerMove = (/** @type {any} */ event) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    const at = Math.floor((event.clientX - left) / width * counts.length);
    onSpot(Math.max(0, Math.min(counts.length - 1, at)));
  };
  const cells = counts.flatMap((count, at) => count > 0 ? [[count, at]] : []);
  const texts = cells.map(([count = 0, at = 0]) =>
    `${clockText(columns[at] ?? 0).slice(0, 5)} ${count}`
  );
  return html`
    <svg class="strip" viewBox="0 0 ${counts.length} 1" preserveAspectRatio="none" role="img"
      tabindex=${isTabStop ? 0 : -1} aria-label="${name}: ${total === 0
        ? "none"
        : texts.join(", ")}"
      onFocus=${onFocus} onPointerMove=${onPointerMove}>
      ${cells.map(([count = 0, at = 0]) =>
        html`<rect key=${at} class=${
          colorOf(
            count,
          )
        } x=${at + 0.06} y="0.05" width="0.88" height="0.9" />`
      )}
      ${spotted !== undefined &&
        html`<rect class="spotted" x=${spotted} y="0" width="1" height="1" />`}
    </svg>
  `;
}

/** Times below the columns. @param {{ columns: readonly number[] }} props */
function TimeAxis({ columns }) {
  const [first = 0, second = 0] = columns;
  const everyMs = COLUMNS_EACH_TICK * (second - first) / (columns.length < 40 ? 2 : 1);
  return html`
    <div class="time-axis" aria-hidden="true">${columns.map((fromMs, at) =>
      fromMs % everyMs === 0 &&
      html`<span key=${fromMs} style=${{ left: `${at / columns.length * 100}%` }}>${
        clockText(fromMs).slice(0, 5)
      }</span>`
    )}</div>
  `;
}

/** @param {Cell} cell @param {readonly number[]} columns @param {readonly StartRow[]} rows */
function cellText({ row, column }, columns, rows) {
  const { name = "", counts = [] } = rows[row] ?? {};
  const [fromMs = 0, nextMs] = [columns[column], columns[column + 1]];
  const lengthMs = (columns[1] ?? 0) - (columns[0] ?? 0);
  const [from, to] = [fromMs, nextMs ?? fromMs + lengthMs].map((ms) => clockText(ms).slice(0, 5));
  return `${from}–${to}, ${name}: ${plural(counts[column] ?? 0, "lease")}`;
}

/**
 * Where a key leads: in a row, to the next cell that is not empty.
 *
 * @param {string} key
 * @param {Cell} cell
 * @param {readonly StartRow[]} rows
 * @returns {Cell | undefined}
 */
function moved(key, { row, column }, rows) {
  const counts = rows[row]?.counts ?? [];
  const filled = counts.flatMap((count, at) => count > 0 ? [at] : []);
  /** @type {Record<string, () => number | undefined>} */
  const columns = {
    ArrowLeft: () => filled.findLast((at) => at < column),
    ArrowRight: () => filled.find((at) => at > column),
    Home: () => filled[0],
    End: () => filled.at(-1),
  };
  const along = columns[key];
  if (along !== undefined) return { row, column: along() ?? column };
  const step = key === "ArrowUp" ? -1 : key === "ArrowDown" ? 1 : 0;
  if (step === 0 || rows[row + step] === undefined) return undefined;
  return { row: row + step, column };
}
