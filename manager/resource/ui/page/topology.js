/** The topology to scale: a row for each node, a box for each part of a lease, as wide as its cores. */
import { coresText, countText, durationText, plural, shortId } from "./format.js";
import { colorOf } from "./client_colors.js";
import { usageOf } from "./cluster.js";
import { html, useState } from "./html.js";
import { Legend } from "./legend.js";
import { Rows } from "./rows.js";

/** @typedef {import("./cluster.js").ShownNode} ShownNode */
/** @typedef {import("./cluster.js").Part} Part */
/** @typedef {import("./app.js").Selected} Selected */
/** @typedef {{ cluster: import("./cluster.js").Cluster, session: import("./session.js").Session, selected: Selected | undefined, onSelect: (selected: Selected) => void }} ViewProps */

const ROW_PX = 30;

/** The orders of the rows. @type {Record<string, (a: ShownNode, b: ShownNode) => number>} */
const ORDERS = {
  name: () => 0,
  "most free": (a, b) => freeOf(b) - freeOf(a),
  "least free": (a, b) => freeOf(a) - freeOf(b),
  state: (a, b) => (a.state < b.state ? 1 : a.state > b.state ? -1 : 0),
};

/** @param {ViewProps} props */
export function Topology({ cluster, selected, onSelect }) {
  const [text, setText] = useState("");
  const [order, setOrder] = useState("name");
  const nodes = filtered(cluster, text.trim().toLowerCase());
  const shown = order === "name" ? nodes : [...nodes].sort(ORDERS[order]);
  const most = cluster.nodes.reduce((max, { cores }) => Math.max(max, cores), 1);
  const head = html`
    <span role="columnheader" class="name">Node</span>
    <span role="columnheader" class="track"><${Scale} cores=${most} /></span>
    <span role="columnheader" class="number">Allocated</span>
    <span role="columnheader" class="number">In use</span>
  `;
  return html`
    <section class="view" aria-label="Cluster">
      <div class="tools">
        <input type="search" placeholder="Filter by node, client or lease" aria-label="Filter by node, client or lease"
          value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} />
        <label>Order <select value=${order} onChange=${(/** @type {any} */ event) =>
          setOrder(event.target.value)}>
          ${Object.keys(ORDERS).map((name) => html`<option>${name}</option>`)}
        </select></label>
        <${Legend} cluster=${cluster} />
      </div>
      ${cluster.nodes.length === 0
        ? html`<p class="empty">No node is registered. Start one with: <code>rfaas executor-manager</code></p>`
        : shown.length === 0
        ? html`<p class="empty">No node matches the filter.</p>`
        : html`
          <${Rows} label="Nodes, with the leases on each" items=${shown} height=${ROW_PX}
            head=${head}
            keyOf=${(/** @type {ShownNode} */ { node }) => node}
            row=${(
              /** @type {ShownNode} */ node,
              /** @type {{ isTabStop: boolean }} */ { isTabStop },
            ) =>
              html`
                <${NodeRow} node=${node} cluster=${cluster} most=${most} isTabStop=${isTabStop}
                  selected=${selected} onSelect=${onSelect} />
              `} />
        `}
    </section>
  `;
}

/** @param {ViewProps & { node: ShownNode, most: number, isTabStop: boolean }} props */
function NodeRow({ node, cluster, most, isTabStop, selected, onSelect }) {
  const parts = cluster.partsOn(node).sort((a, b) => keyOf(a) - keyOf(b));
  const { compute, poll } = usageOf(parts);
  const isSelected = selected?.kind === "node" && selected.node === node.node;
  const isOver = node.allocatedCores > node.cores; // a node that lends fewer cores than before
  return html`
    <span role="rowheader" class="name">
      <button type="button" class="plain ${isSelected
        ? "selected"
        : ""}" data-stop tabindex=${isTabStop ? 0 : -1}
        onClick=${() => onSelect({ kind: "node", node: node.node })}>${node.name}</button>
      ${node.state !== "up" && html`
        <span class="badge ${node.state}">${stateText(node, cluster.nowMs)}</span>
      `}
    </span>
    <span role="gridcell" class="track ${node.state}">
      <span class="node" style=${{
        width: `${Math.max(node.cores, node.allocatedCores) / most * 100}%`,
      }}>
        ${parts.map((part) =>
          html`
            <${Box} part=${part} of=${Math.max(
              node.cores,
              node.allocatedCores,
            )} selected=${selected}
              onSelect=${onSelect} />
          `
        )}
      </span>
    </span>
    <span role="gridcell"
      class="number ${isOver ? "lost" : ""}">${countText(
        node.allocatedCores,
      )}<span class="of"> / ${countText(node.cores)}</span></span>
    <span role="gridcell" class="number">${node.state === "lost"
      ? "–"
      : coresText(compute + poll)}</span>
  `;
}

/** @param {{ part: Part, of: number, selected: Selected | undefined, onSelect: (selected: Selected) => void }} props */
function Box({ part: { lease, workers, claimed, compute, poll }, of, selected, onSelect }) {
  const width = { width: `${workers / of * 100}%` };
  if (lease === undefined) {
    return html`<span class="box others" style=${width} title="${
      plural(workers, "core")
    } of other clients"></span>`;
  }
  const isSelected = selected?.kind === "lease" && selected.lease === lease.lease;
  const use = claimed ? `${compute} % compute, ${poll} % poll` : "reserved";
  const name = `Lease ${shortId(lease.lease)} of ${lease.client}: ${
    plural(workers, "core")
  }, ${use}`;
  return html`
    <button type="button" class="box ${colorOf(lease.client)} ${claimed
      ? ""
      : "reserved"} ${isSelected ? "selected" : ""}"
      tabindex="-1" style=${width} title=${name} aria-label=${name}
      onClick=${() => onSelect({ kind: "lease", lease: lease.lease })}>
      <span class="use compute" style=${{
        width: `${compute}%`,
      }}></span><span class="use poll" style=${{ width: `${poll}%` }}></span>
    </button>
  `;
}

/** The axis of cores, with a few round numbers. @param {{ cores: number }} props */
function Scale({ cores }) {
  const step = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024].find((each) => cores / each <= 8) ??
    1024;
  const ticks = [];
  for (let at = 0; at <= cores; at += step) ticks.push(at);
  return html`<span class="scale" aria-label="Cores, to scale">${
    ticks.map((at) =>
      html`<span class="tick" style=${{ left: `${at / cores * 100}%` }}>${at}${
        at === 0 && html`<span class="unit"> cores</span>`
      }</span>`
    )
  }</span>`;
}

/** @param {ShownNode} node @param {number} nowMs */
function stateText({ state, lastSeenMs }, nowMs) {
  return state === "lost" && lastSeenMs !== null
    ? `lost ${durationText(nowMs - lastSeenMs)}`
    : state;
}

/** @param {import("./cluster.js").Cluster} cluster @param {string} text */
function filtered(cluster, text) {
  if (text === "") return cluster.nodes;
  return cluster.nodes.filter((node) =>
    node.name.toLowerCase().includes(text) || node.state === text || node.node.startsWith(text) ||
    cluster.partsOn(node).some(({ lease }) =>
      lease !== undefined &&
      (lease.client.toLowerCase().includes(text) || lease.lease.startsWith(text))
    )
  );
}

/** @param {ShownNode} node */
function freeOf({ cores, allocatedCores, state }) {
  return state === "up" ? cores - allocatedCores : -1;
}

/** In the order of the grants, those of other clients last. @param {Part} part */
function keyOf({ lease }) {
  return lease?.key ?? Infinity;
}
