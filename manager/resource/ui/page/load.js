/** The cores over the last minutes: allocated, and in use. */
import { Chart } from "./chart.js";
import { clockText } from "./format.js";
import { html } from "./html.js";

const SERIES = [
  { name: "computes", className: "bar-compute" },
  { name: "polls", className: "bar-poll" },
  { name: "allocated, not in use", className: "bar-idle" },
];
const WAITING = [{ name: "requests that wait", className: "bar-waiting" }];
const STARTS = [
  { name: "pooled", className: "bar-poll" },
  { name: "cold", className: "bar-waiting" },
];
const LEASES = [{ name: "running leases", className: "bar-compute" }];

/** @param {import("./topology.js").ViewProps} props */
export function Load({ cluster }) {
  const { samples, totals } = cluster;
  const timeText = (/** @type {number} */ ms) => clockText(ms);
  const columns = (/** @type {(sample: import("./cluster.js").Sample) => number[]} */ valuesOf) =>
    samples.map((sample) => ({ fromMs: sample.atMs, values: valuesOf(sample) }));
  const common = { timeText, gap: 0 };
  return html`
    <section class="view" aria-label="Load">
      <div class="tools">
        <p class="note">Since the page was opened, ten minutes at most.</p>
      </div>
      <div class="scroll charts" tabindex="0" role="region" aria-label="Charts">
        <${Chart} label="Cores" unit="of ${totals?.cores ?? 0}" series=${SERIES} ...${common}
          most=${totals?.cores ?? 0}
          columns=${columns((
            { compute, poll, allocated },
          ) => [compute, poll, Math.max(0, allocated - compute - poll)])} />
        <${Chart} label="Leases" unit="running" series=${LEASES} ...${common}
          columns=${columns(({ leases }) => [leases])} />
        <${Chart} label="Starts of workers" unit="a second, ${totals?.waitingExecutors ??
          0} executors wait"
          series=${STARTS} ...${common} columns=${columns(({ pooled, cold }) => [pooled, cold])} />
        <${Chart} label="Queue" unit="requests" series=${WAITING} ...${common}
          columns=${columns(({ waiting }) => [waiting])} />
      </div>
    </section>
  `;
}
