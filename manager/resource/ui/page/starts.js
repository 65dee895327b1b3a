/** How long leases took to start in the last hour: a heat map of pooled starts, and one of cold ones. */
import { HeatLegend, HeatMap } from "./heat_map.js";
import { html } from "./html.js";
import { useNarrow } from "./narrow.js";

/** The minutes of a column in a narrow window, so that it can be seen and touched. */
const NARROW_MINUTES = 3;

/** @param {import("./topology.js").ViewProps} props */
export function Starts({ cluster: { starts, nowMs } }) {
  const minutesEach = useNarrow() ? NARROW_MINUTES : 1;
  const pooled = starts.map("pooled", nowMs, minutesEach);
  const cold = starts.map("cold", nowMs, minutesEach);
  return html`
    <section class="view" aria-label="Starts">
      <div class="tools">
        <p class="note">Leases of all clients, by the time from the request until the last worker listened.</p>
        <${HeatLegend} />
      </div>
      ${pooled.total + cold.total === 0
        ? html`
          <div class="empty">
            <p>No lease has started in the last hour.</p>
            <p>Each start will be counted here: by the minute, by the time that it took, and by whether
              its executors waited in the pool or had to boot.</p>
          </div>
        `
        : html`
          <div class="scroll heat-maps" tabindex="0" role="region" aria-label="Starts of leases">
            <${HeatMap} title="Pooled starts" map=${pooled} />
            <${HeatMap} title="Cold starts" map=${cold} />
          </div>
        `}
    </section>
  `;
}
