/** The requests for leases that wait for capacity, with the reason of each. */
import { colorOf } from "./client_colors.js";
import { bytesText, countText, durationText, sizesText } from "./format.js";
import { html } from "./html.js";

/** @param {import("./topology.js").ViewProps} props */
export function Queue({ cluster, session }) {
  const { waiting, totals, nowMs } = cluster;
  const hidden = (totals?.waiting ?? 0) - waiting.length;
  const hasClasses = waiting.some((each) => each.class !== undefined);
  const others = session.role === "operator" ? "more" : "of other clients, or more";
  return html`
    <section class="view" aria-label="Queue">
      <div class="tools"><p class="note">${hasClasses
        ? "Requests of a higher class come first, then those of the account that has used least for its share."
        : "Clients take turns."} A small request may pass a large one, for a
        few seconds.</p></div>
      ${waiting.length === 0
        ? html`<p class="empty">No request waits for capacity${
          hidden > 0 ? ` of yours. Others: ${countText(hidden)}` : ""
        }.</p>`
        : html`
          <div class="scroll" tabindex="0" role="region" aria-label="Waiting requests">
            <table>
              <thead><tr><th scope="col">Client</th>${hasClasses &&
                html`<th scope="col">Class</th>`}<th scope="col" class="right">Workers</th>
                <th scope="col" class="right">Memory</th><th scope="col" class="right">Waits for</th>
                <th scope="col" class="right">Up to</th><th scope="col">Reason</th></tr></thead>
              <tbody>${waiting.map((each) =>
                html`
                  <tr>
                    <td><span class="key ${colorOf(each.client)}" aria-hidden="true"></span>${each
                      .client}</td>
                    ${hasClasses && html`<td>${each.class}</td>`}
                    <td class="right">${countText(each.workers)}</td>
                    <td class="right">${bytesText(each.memoryBytes)}</td>
                    <td class="right">${durationText(nowMs - each.sinceMs)}</td>
                    <td class="right">${durationText(each.untilMs - each.sinceMs)}</td>
                    <td class="text">${sizesText(each.reason)}</td>
                  </tr>
                `
              )}</tbody>
            </table>
            ${hidden > 0 && html`<p class="note more">${countText(hidden)} ${others}</p>`}
          </div>
        `}
    </section>
  `;
}
