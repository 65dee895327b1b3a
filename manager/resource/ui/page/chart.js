/** A chart of stacked columns over time, drawn as SVG: sharp at each size, and in the colors of the page. */
import { html } from "./html.js";
import { useNarrow } from "./narrow.js";

/** @typedef {{ name: string, className: string }} Series */
/** @typedef {{ fromMs: number, values: readonly number[] }} Column */

const WIDTH = 800;
const HEIGHT = 180;
const LEFT = 44;
const BOTTOM = 20;
const TOP = 8;

/**
 * @param {{ label: string, unit: string, series: readonly Series[], columns: readonly Column[],
 *   timeText: (ms: number) => string, gap?: number, most?: number }} props
 *   `most` is a value that the axis reaches at least
 */
export function Chart({ label, unit, series, columns, timeText, gap = 1, most = 0 }) {
  const isNarrow = useNarrow(); // it is scrolled then
  const sums = columns.map(({ values }) => values.reduce((sum, value) => sum + value, 0));
  const top = roundUp(Math.max(most, ...sums));
  const plot = HEIGHT - BOTTOM - TOP;
  const width = (WIDTH - LEFT) / Math.max(1, columns.length);
  const yOf = (/** @type {number} */ value) => TOP + plot * (1 - value / top);
  const every = Math.max(1, Math.ceil(columns.length / 8));
  const total = sums.reduce((sum, value) => sum + value, 0);
  const bars = columns.flatMap(({ values }, at) => {
    let below = 0;
    return values.map((value, which) => {
      const y = yOf(below + value);
      const height = yOf(below) - y;
      below += value;
      return value > 0 && html`
        <rect class=${series[which]?.className} x=${LEFT + at * width} y=${y}
          width=${Math.max(0.5, width - gap)} height=${height} />
      `;
    });
  });
  return html`
    <figure class="chart" tabindex=${isNarrow ? 0 : undefined}>
      <figcaption>${label} <span class="note">${unit}</span>
        <span class="legend">${series.map(({ name, className }) =>
          html`<span><svg class="key" viewBox="0 0 10 10" aria-hidden="true"><rect class=${className} width="10" height="10" /></svg>${name}</span>`
        )}</span></figcaption>
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"
        aria-label="${label}: ${total === 0
          ? "nothing"
          : `${columns.length} columns, at most ${numberText(Math.max(...sums))} ${unit}`}">
        ${[0, 0.5, 1].map((share) =>
          html`
            <g>
              <line class="grid" x1=${LEFT} x2=${WIDTH} y1=${yOf(top * share)} y2=${yOf(
                top * share,
              )} />
              <text x=${LEFT - 6} y=${yOf(top * share) + 4} text-anchor="end">${numberText(
                top * share,
              )}</text>
            </g>
          `
        )}
        ${bars}
        ${columns.map(({ fromMs }, at) =>
          at % every === 0 &&
          html`<text x=${LEFT + at * width} y=${HEIGHT - 4}>${timeText(fromMs)}</text>`
        )}
      </svg>
    </figure>
  `;
}

/** The next round number: 1, 2 or 5 times a power of ten. @param {number} value */
function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((times) => times * power >= value) ?? 10) * power;
}

/** @param {number} value */
export function numberText(value) {
  if (value === 0) return "0";
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(value >= 10 ? 3 : 2)));
}
