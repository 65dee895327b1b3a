/** What the boxes mean, and the clients with the most cores. */
import { colorOf } from "./client_colors.js";
import { countText } from "./format.js";
import { html } from "./html.js";

/** The most clients that the legend names. */
const MAX_CLIENTS = 6;

/** @param {{ cluster: import("./cluster.js").Cluster }} props */
export function Legend({ cluster }) {
  /** @type {Map<string, number>} */
  const cores = new Map();
  for (const { client, workers } of cluster.leases.values()) {
    cores.set(client, (cores.get(client) ?? 0) + workers);
  }
  const clients = [...cores].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const more = clients.length - MAX_CLIENTS;
  return html`
    <ul class="legend" aria-label="Legend">
      <li><span class="key compute" aria-hidden="true"></span>computes</li>
      <li><span class="key poll" aria-hidden="true"></span>polls</li>
      <li><span class="key idle" aria-hidden="true"></span>allocated</li>
      <li><span class="key reserved" aria-hidden="true"></span>reserved</li>
      <li><span class="key free" aria-hidden="true"></span>free</li>
      ${clients.slice(0, MAX_CLIENTS).map(([client, count]) =>
        html`
          <li class="client"
            key=${client}><span class="key ${colorOf(
              client,
            )}" aria-hidden="true"></span>${client} <span class="note">${countText(
              count,
            )}</span></li>
        `
      )}
      ${more > 0 && html`<li class="note">${countText(more)} more</li>`}
    </ul>
  `;
}
