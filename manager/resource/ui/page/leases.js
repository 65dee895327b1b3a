/** The life of each lease on one axis of time, the last granted first. */
import { colorOf } from "./client_colors.js";
import { usageOf } from "./cluster.js";
import { bytesText, clockText, coresText, countText, durationText, shortId } from "./format.js";
import { html, useState } from "./html.js";
import { Rows } from "./rows.js";

/** @typedef {import("./cluster.js").ShownLease & { endedMs?: number }} AnyLease */

const ROW_PX = 28;
const MINUTE_MS = 60_000;
const SPANS = [5, 15, 60, 720];
const TICKS = 4;

/** @param {import("./topology.js").ViewProps} props */
export function Leases({ cluster, session, selected, onSelect }) {
  const [text, setText] = useState("");
  const [minutes, setMinutes] = useState(15);
  const sought = text.trim().toLowerCase();
  const toMs = cluster.nowMs;
  const fromMs = toMs - minutes * MINUTE_MS;
  /** @type {readonly AnyLease[]} */
  const all = cluster.leasesByGrant();
  const shown = sought === ""
    ? all
    : all.filter(({ lease, client }) =>
      lease.startsWith(sought) || client.toLowerCase().includes(sought)
    );
  const head = html`
    <span role="columnheader" class="lease">Lease</span>
    <span role="columnheader" class="client-name">Client</span>
    <span role="columnheader" class="number">Cores</span>
    <span role="columnheader" class="number">In use</span>
    <span role="columnheader" class="number wide-only">Memory</span>
    <span role="columnheader" class="track"><span class="scale">${Array.from(
      { length: TICKS + 1 },
      (_, at) =>
        html`<span class="tick" style=${{ left: `${at / TICKS * 100}%` }}>${
          clockText(fromMs + (toMs - fromMs) * at / TICKS).slice(0, 5)
        }</span>`,
    )}</span></span>
    <span role="columnheader" class="number">Age</span>
  `;
  return html`
    <section class="view" aria-label="Leases">
      <div class="tools">
        <input type="search" placeholder="Filter by client or lease" aria-label="Filter by client or lease"
          value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} />
        <label>Last <select value=${minutes} onChange=${(/** @type {any} */ event) =>
          setMinutes(Number(event.target.value))}>
          ${SPANS.map((each) =>
            html`<option value=${each}>${durationText(each * MINUTE_MS)}</option>`
          )}
        </select></label>
        <p class="note">${countText(cluster.leases.size)} running, ${countText(
          cluster.ended.length,
        )} ended since the page was opened</p>
      </div>
      ${shown.length === 0
        ? html`<p class="empty">${
          sought !== ""
            ? "No lease matches the filter."
            : session.role === "operator"
            ? "No lease is running."
            : "No lease of yours is running."
        }</p>`
        : html`
          <${Rows} label="Leases over time" items=${shown} height=${ROW_PX} head=${head}
            keyOf=${(/** @type {AnyLease} */ { lease }) => lease}
            row=${(
              /** @type {AnyLease} */ lease,
              /** @type {{ isTabStop: boolean }} */ { isTabStop },
            ) =>
              html`
                <${LeaseRow} lease=${lease} cluster=${cluster} fromMs=${fromMs} toMs=${toMs}
                  isTabStop=${isTabStop} isSelected=${selected?.kind === "lease" &&
                    selected.lease === lease.lease}
                  onSelect=${onSelect} />
              `} />
        `}
    </section>
  `;
}

/**
 * @param {{ lease: AnyLease, cluster: import("./cluster.js").Cluster, fromMs: number, toMs: number,
 *   isTabStop: boolean, isSelected: boolean, onSelect: import("./topology.js").ViewProps["onSelect"] }} props
 */
function LeaseRow({ lease, cluster, fromMs, toMs, isTabStop, isSelected, onSelect }) {
  const { endedMs } = lease;
  const parts = endedMs === undefined ? cluster.partsOf(lease.key) : [];
  const { compute, poll } = usageOf(parts);
  const at = (/** @type {number} */ ms) =>
    Math.max(0, Math.min(1, (ms - fromMs) / (toMs - fromMs))) * 100;
  const [left, right] = [at(lease.issuedMs), at(endedMs ?? toMs)];
  const bar = { left: `${left}%`, width: `max(3px, ${right - left}%)` };
  return html`
    <span role="rowheader" class="lease"><button type="button" class="plain ${isSelected
      ? "selected"
      : ""}" data-stop
      tabindex=${isTabStop ? 0 : -1} onClick=${() =>
        onSelect({ kind: "lease", lease: lease.lease })}><code>${shortId(
          lease.lease,
        )}</code></button></span>
    <span role="gridcell"
      class="client-name"><span class="key ${colorOf(
        lease.client,
      )}" aria-hidden="true"></span>${lease.client}</span>
    <span role="gridcell" class="number">${countText(lease.workers)}</span>
    <span role="gridcell" class="number">${endedMs === undefined
      ? coresText(compute + poll)
      : "–"}</span>
    <span role="gridcell" class="number wide-only">${bytesText(lease.memoryBytes)}</span>
    <span role="gridcell" class="track life" aria-label=${endedMs === undefined
      ? "running"
      : `ended at ${clockText(endedMs)}`}>
      <span class="span ${colorOf(lease.client)} ${endedMs === undefined
        ? ""
        : "over"} ${lease.issuedMs < fromMs ? "before" : ""}" style=${bar}></span>
    </span>
    <span role="gridcell" class="number">${durationText((endedMs ?? toMs) - lease.issuedMs)}</span>
  `;
}
