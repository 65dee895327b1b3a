/** The details of a node or of a lease, beside the view. */
import { usageOf } from "./cluster.js";
import {
  bytesText,
  coresText,
  countText,
  dateText,
  durationText,
  plural,
  shortId,
} from "./format.js";
import { html, useEffect, useRef } from "./html.js";
import { NodeActions } from "./node_actions.js";
import { Waterfall } from "./waterfall.js";

/** @typedef {import("./topology.js").ViewProps & { onClose: () => void }} PanelProps */

/** @param {PanelProps} props */
export function Panel(props) {
  const { cluster, selected, onClose } = props;
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  const before = useRef(/** @type {Element | null} */ (null));
  const named = selected && JSON.stringify(selected);
  useEffect(() => {
    before.current ??= document.activeElement;
    heading.current?.focus();
  }, [named]);
  useEffect(() => {
    const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape" && document.querySelector("dialog[open]") === null) close();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
  const close = () => {
    onClose();
    if (before.current instanceof HTMLElement) before.current.focus();
  };
  const content = selected?.kind === "node" ? nodeOf(props) : leaseOf(cluster, selected, props);
  return html`
    <aside class="panel" aria-labelledby="panel-title">
      <div class="panel-head">
        <h2 id="panel-title" tabindex="-1" ref=${heading}>${content.title}</h2>
        <button type="button" onClick=${close}>Close</button>
      </div>
      ${content.body}
    </aside>
  `;
}

/** @param {PanelProps} props @returns {{ title: string, body: unknown }} */
function nodeOf({ cluster, session, selected, onSelect }) {
  const node = selected?.kind === "node" ? cluster.node(selected.node) : undefined;
  if (node === undefined) return { title: "Node", body: html`<p>The node was removed.</p>` };
  const parts = cluster.partsOn(node).filter(({ lease }) => lease !== undefined);
  const { compute, poll, calls } = usageOf(parts);
  const since = node.lastSeenMs === null ? "" : ` since ${dateText(node.lastSeenMs)}`;
  return {
    title: node.name,
    body: html`
      ${facts([
        ["State", html`<span class=${node.state}>${node.state}</span>${since}`],
        ["Cores", `${countText(node.allocatedCores)} of ${countText(node.cores)} allocated`],
        ["In use", `${coresText(compute)} compute, ${coresText(poll)} poll`],
        ["Calls", `${countText(calls)} a second`],
        ["Memory", `${bytesText(node.allocatedBytes)} of ${bytesText(node.memoryBytes)}`],
        [
          "Executors",
          node.executors === null
            ? "–"
            : `${countText(node.executors.running)} run, ${
              countText(node.executors.waiting)
            } of them wait for a lease`,
        ],
        [
          "Starts",
          node.executors === null
            ? "–"
            : `${countText(node.executors.pooled)} pooled, ${countText(node.executors.cold)} cold`,
        ],
        ["Sandbox", node.sandbox],
        ["Epoch", countText(node.epoch)],
        ["Id", html`<code>${node.node}</code>`],
      ])}
      <${NodeActions} key=${node.node} node=${node} leases=${parts.length} session=${session} />
      <h3>${plural(parts.length, "lease")}</h3>
      <ul class="list">${parts.slice(0, 100).map(({ lease, workers }) =>
        lease && html`
          <li
            key=${lease.key}><button type="button" class="plain" onClick=${() =>
              onSelect({ kind: "lease", lease: lease.lease })}><code>${shortId(
                lease.lease,
              )}</code></button> ${lease.client} <span class="note">${plural(
                workers,
                "core",
              )}</span></li>
        `
      )}</ul>
    `,
  };
}

/**
 * @param {import("./cluster.js").Cluster} cluster
 * @param {PanelProps["selected"]} selected
 * @param {PanelProps} props
 * @returns {{ title: string, body: unknown }}
 */
function leaseOf(cluster, selected, { onSelect }) {
  const id = selected?.kind === "lease" ? selected.lease : "";
  const lease = cluster.leaseNamed(id);
  const ended = cluster.ended.find((each) => each.lease === id);
  const shown = lease ?? ended;
  if (shown === undefined) return { title: "Lease", body: html`<p>The lease has ended.</p>` };
  const parts = lease === undefined ? [] : cluster.partsOf(lease.key);
  const { compute, poll, calls } = usageOf(parts);
  const untilMs = ended?.endedMs ?? cluster.nowMs;
  return {
    title: `Lease ${shortId(shown.lease)}`,
    body: html`
      ${facts([
        ["Client", shown.client],
        ["State", ended === undefined ? "running" : "ended"],
        ["Workers", countText(shown.workers)],
        ["In use", `${coresText(compute)} compute, ${coresText(poll)} poll`],
        ["Calls", `${countText(calls)} a second`],
        ["Memory", bytesText(shown.memoryBytes)],
        ["Granted", dateText(shown.issuedMs)],
        [ended === undefined ? "Running" : "Lasted", durationText(untilMs - shown.issuedMs)],
        ["Id", html`<code>${shown.lease}</code>`],
      ])}
      ${shown.start !== null && html`<${Waterfall} start=${shown.start} />`}
      <h3>${plural(parts.length, "part")}</h3>
      <ul class="list">${parts.map(({ node, workers, claimed }) =>
        html`
          <li
            key=${node.node}><button type="button" class="plain" onClick=${() =>
              onSelect({ kind: "node", node: node.node })}>${node
              .name}</button> <span class="note">${plural(workers, "core")}${claimed
              ? ""
              : ", reserved"}</span></li>
        `
      )}</ul>
    `,
  };
}

/** @param {readonly (readonly [string, unknown])[]} rows */
function facts(rows) {
  return html`<dl class="facts">${
    rows.map(([name, value]) =>
      html`
        <dt>${name}</dt>
        <dd>${value}</dd>
      `
    )
  }</dl>`;
}
