/** What leases have used, over time and by client, from the bills. */
import { addBills, bucketsOf } from "./bill_sums.js";
import { Chart, numberText } from "./chart.js";
import { colorOf } from "./client_colors.js";
import { clockText, dateText } from "./format.js";
import { html, useEffect, useState } from "./html.js";
import { repeat } from "./repeat.js";
import { request } from "./session.js";

/** @typedef {import("./bill_sums.js").BillSums} BillSums */

const HOUR_MS = 3_600_000;
const RANGES = [
  { name: "hour", ms: HOUR_MS, columns: 60 },
  { name: "day", ms: 24 * HOUR_MS, columns: 48 },
  { name: "week", ms: 168 * HOUR_MS, columns: 56 },
];
const SERIES = [
  { name: "computed", className: "bar-compute" },
  { name: "polled", className: "bar-poll" },
  { name: "held, not used", className: "bar-idle" },
];
/** The bills are read again this often, and at most this many pages of a thousand. */
const EVERY_MS = 10_000;
const MAX_PAGES = 10;

/** @param {import("./topology.js").ViewProps} props */
export function Bills({ cluster, session }) {
  const [range, setRange] = useState(0);
  const [sums, setSums] = useState(/** @type {BillSums | undefined} */ (undefined));
  const [problem, setProblem] = useState("");
  const { ms, columns } = RANGES[range] ?? { ms: HOUR_MS, columns: 60 };
  useEffect(() => {
    let isCurrent = true;
    const read = async () => {
      try {
        const read = await readBills(session.session, cluster.nowMs - ms, cluster.nowMs, columns);
        if (isCurrent) setSums(read), setProblem("");
      } catch (error) {
        if (isCurrent) setProblem(error instanceof Error ? error.message : String(error));
      }
    };
    const end = repeat(read, EVERY_MS);
    return () => {
      isCurrent = false;
      end();
    };
  }, [range]);
  const timeText = (/** @type {number} */ at) =>
    ms > 24 * HOUR_MS ? dateText(at).slice(0, 6) : clockText(at).slice(0, 5);
  return html`
    <section class="view" aria-label="Bills">
      <div class="tools">
        <label>Last <select value=${range} onChange=${(/** @type {any} */ event) =>
          setRange(Number(event.target.value))}>
          ${RANGES.map(({ name }, at) => html`<option value=${at}>${name}</option>`)}
        </select></label>
        ${sums?.isPartial &&
          html`<p class="draining">The first ${MAX_PAGES},000 bills only: choose a shorter time</p>`}
        ${problem && html`<p class="problem" role="alert">${problem}</p>`}
      </div>
      <div class="scroll charts" tabindex="0" role="region" aria-label="Bills over time and by client">
        ${sums === undefined ? html`<p class="empty">Loading</p>` : html`
          <${Chart} label="Core time" unit="core hours" series=${SERIES} columns=${sums.columns}
            timeText=${timeText} />
          <table>
            <thead>
              <tr>
                <th scope="col">Client</th>
                <th scope="col" class="right">Held</th>
                <th scope="col" class="right">Computed</th>
                <th scope="col" class="right">Polled</th>
              </tr>
            </thead>
            <tbody>${[...sums.clients].sort(([, a], [, b]) => b.held - a.held).map((
              [client, { held, compute, poll }],
            ) =>
              html`
                <tr>
                  <td><span class="key ${colorOf(client)}" aria-hidden="true"></span>${client}</td>
                  <td class="right">${numberText(held)}</td>
                  <td class="right">${numberText(compute)}</td>
                  <td class="right">${numberText(poll)}</td>
                </tr>
              `
            )}</tbody>
          </table>
          <p class="note more">Core hours. The time of a bill is spread evenly over its life.</p>
        `}
      </div>
    </section>
  `;
}

/** @param {string} secret @param {number} fromMs @param {number} toMs @param {number} columns @returns {Promise<BillSums>} */
async function readBills(secret, fromMs, toMs, columns) {
  const sums = bucketsOf(fromMs, toMs, columns);
  let after = "";
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = `since=${Math.max(0, Math.floor(fromMs))}${
      after && `&after=${encodeURIComponent(after)}`
    }`;
    const { bills, next } = await request("GET", `../v1/bills?${query}`, { secret });
    addBills(sums, bills);
    if (next === undefined) return sums;
    after = next;
  }
  sums.isPartial = true;
  return sums;
}
