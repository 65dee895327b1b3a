/** What an operator may do with a node. */
import { Confirm } from "./confirm.js";
import { plural } from "./format.js";
import { html, useState } from "./html.js";
import { request } from "./session.js";

const DEFAULT_GRACE_SECONDS = 30;
const MAX_GRACE_SECONDS = 86_400;

/** @param {{ node: import("./cluster.js").ShownNode, leases: number, session: import("./session.js").Session }} props */
export function NodeActions({ node, leases, session }) {
  const [open, setOpen] = useState(/** @type {"drain" | "lend" | undefined} */ (undefined));
  const [seconds, setSeconds] = useState(DEFAULT_GRACE_SECONDS);
  if (session.role !== "operator") return null;
  const path = `../v1/nodes/${node.node}`;
  const send = (
    /** @type {string} */ method,
    /** @type {string} */ what,
    /** @type {unknown} */ body,
  ) => request(method, `${path}/${what}`, { secret: session.session, body });
  const close = () => setOpen(undefined);
  return html`
    <div class="actions start">
      ${node.drainMs === null
        ? html`<button type="button" onClick=${() => setOpen("drain")}>Drain …</button>`
        : html`<button type="button" onClick=${() => setOpen("lend")}>Lend again …</button>`}
    </div>
    ${open === "drain" && html`
      <${Confirm} title="Drain ${node.name}?" action="Drain node" isDangerous=${true}
        onConfirm=${() => send("POST", "drain", { graceMs: seconds * 1000 })} onClose=${close}>
        <p>The node gets no new leases. ${leases === 0
          ? "It serves none."
          : `Its ${plural(leases, "lease")} can move to other nodes for the
          grace period, and then ${leases === 1 ? "its part" : "their parts"} here end.`}</p>
        <label>Grace period in seconds
          <input type="number" required min="0" max=${MAX_GRACE_SECONDS} value=${seconds}
            onInput=${(/** @type {any} */ event) => setSeconds(event.target.valueAsNumber)} />
        </label>
        </${Confirm}>
    `}
    ${open === "lend" && html`
      <${Confirm} title="Lend ${node.name} again?" action="Lend node"
        onConfirm=${() => send("PUT", "lent", {})} onClose=${close}>
        <p>The node is offered to new leases again.</p>
        </${Confirm}>
    `}
  `;
}
