/** The totals of a cluster in words. */

import type { ShownTotals } from "../../manager/resource/ui/shown_cluster.ts";
import { durationText, sizeText } from "../quantity_text.ts";

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** Cores with one digit after the point: `2.5`. */
export function coresText(cores: number): string {
  return cores.toFixed(1);
}

/** Calls a second: `1.23M`; `-` for -1, if they are not known. */
export function callsText(calls: number): string {
  return calls < 0 ? "-" : compact.format(calls);
}

/** A share in percent: `40%`; `-` of nothing. */
export function shareText(part: number, whole: number): string {
  return whole === 0 ? "-" : `${Math.round(100 * part / whole)}%`;
}

/** Short texts with a name each, the most important ones first. */
export function summaryOf(totals: ShownTotals): [name: string, text: string][] {
  const { nodes, cores, allocatedCores, computeCores, pollCores } = totals;
  const states = [
    `${nodes.up} up`,
    ...(nodes.draining > 0 ? [`${nodes.draining} draining`] : []),
    ...(nodes.lost > 0 ? [`${nodes.lost} lost`] : []),
  ];
  return [
    ["Nodes", states.join(", ")],
    ["Leases", `${totals.leases}`],
    [
      "Waiting",
      totals.waiting === 0
        ? "0"
        : `${totals.waiting}, the longest ${durationText(totals.longestWaitMs)}`,
    ],
    ["Calls", `${callsText(totals.calls)}/s`],
    ["Cores", `${allocatedCores} of ${cores} allocated`],
    ["Compute", `${coresText(computeCores)} (${shareText(computeCores, allocatedCores)})`],
    ["Poll", `${coresText(pollCores)} (${shareText(pollCores, allocatedCores)})`],
    ["Memory", `${sizeText(totals.allocatedBytes)} of ${sizeText(totals.memoryBytes)}`],
    [
      "Executors",
      `${totals.waitingExecutors} in pools; starts ${totals.pooledStarts} pooled, ${totals.coldStarts} cold`,
    ],
  ];
}
