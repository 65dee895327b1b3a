/** The totals of the cluster. */
import { bytesText, coresText, countText, durationText } from "./format.js";
import { html } from "./html.js";

/** @param {{ cluster: import("./cluster.js").Cluster }} props */
export function Summary({ cluster }) {
  const { totals } = cluster;
  if (totals === undefined) return null;
  const { nodes, cores, allocatedCores, computeCores, pollCores } = totals;
  const used = computeCores + pollCores;
  return html`
    <section aria-label="Totals">
      <dl class="summary" tabindex="0">
        <div class="wide">
          <dt>Cores</dt>
          <dd><b>${countText(allocatedCores)}</b> of ${countText(cores)} allocated</dd>
          <dd class="meter" aria-hidden="true">
          ${fill("allocated", allocatedCores, cores)}
          ${fill("poll", used, cores)}
          ${fill("compute", computeCores, cores)}
        </dd>
          <dd class="note"><b>${coresText(computeCores)}</b> compute, <b>${coresText(
            pollCores,
          )}</b> poll</dd>
        </div>
        <div>
          <dt>Memory</dt>
          <dd><b>${bytesText(totals.allocatedBytes)}</b> of ${bytesText(totals.memoryBytes)}</dd>
          <dd class="meter" aria-hidden="true">
          ${fill("allocated", totals.allocatedBytes, totals.memoryBytes)}
        </dd>
        </div>
        <div>
          <dt>Nodes</dt>
          <dd><b>${countText(nodes.up)}</b> up</dd>
          <dd class="note">
          ${nodes.draining > 0 && html`
            <span class="draining">${countText(nodes.draining)} draining</span>
          `}
          ${nodes.lost > 0 && html`<span class="lost">${countText(nodes.lost)} lost</span>`}
        </dd>
        </div>
        <div>
          <dt>Leases</dt>
          <dd><b>${countText(totals.leases)}</b> running</dd>
        </div>
        <div>
          <dt>Waiting</dt>
          <dd><b>${countText(totals.waiting)}</b> ${totals.waiting === 1
            ? "request"
            : "requests"}</dd>
          <dd class="note">${totals.waiting > 0 &&
            `longest ${durationText(totals.longestWaitMs)}`}</dd>
        </div>
      </dl>
    </section>
  `;
}

/** @param {string} kind @param {number} part @param {number} whole */
function fill(kind, part, whole) {
  const share = whole > 0 ? Math.min(1, part / whole) : 0;
  return html`<span class="fill ${kind}" style=${{
    width: `${(share * 100).toFixed(2)}%`,
  }}></span>`;
}
