/** Where the time of a lease's start went: a bar for each step, on one axis. */
import { shortDurationText } from "./format.js";
import { html } from "./html.js";

/** @typedef {NonNullable<import("../shown_cluster.ts").ShownLease["start"]>} Start */

/** The steps in their order. @type {readonly (readonly [string, keyof Start])[]} */
const STEPS = [
  ["Wait", "waitMs"],
  ["Reach", "reachMs"],
  ["Admit", "admitMs"],
  ["Boot", "bootMs"],
  ["Start", "startMs"],
];

/** @param {{ start: Start }} props */
export function Waterfall({ start }) {
  const totalMs = STEPS.reduce((sum, [, field]) => sum + start[field], 0);
  const at = (/** @type {number} */ ms) => `${totalMs === 0 ? 0 : ms / totalMs * 100}%`;
  let fromMs = 0;
  const rows = STEPS.map(([name, field]) => {
    const ms = start[field];
    const bar = { left: at(fromMs), width: `max(2px, ${at(ms)})` };
    fromMs += ms;
    return html`
      <li key=${field}>
        <span class="step">${name}</span>
        <span class="waterfall-track" aria-hidden="true"><span
          class="waterfall-bar ${field}" style=${bar}></span></span>
        <span class="number">${shortDurationText(ms)}</span>
      </li>
    `;
  });
  return html`
    <h3>Start: ${shortDurationText(totalMs)}</h3>
    <ol class="waterfall">${rows}</ol>
  `;
}
