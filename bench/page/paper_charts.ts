/** The charts of the paper's figures. */

import { sizeText } from "../../cli/quantity_text.ts";
import {
  PUBLISHED_BANDWIDTH,
  PUBLISHED_BYTES,
  PUBLISHED_OVERHEAD_US,
  PUBLISHED_SOURCE,
} from "../paper/published.ts";
import type { Row } from "../rows.ts";
import type { Chart } from "./chart.ts";
import { formatUs } from "./look.ts";
import { gigabytesOf, paperBandwidthChart, roundTripChart } from "./paper_lines.ts";

/** The paths in the order of a sentence. */
const SPOKEN = {
  "rfaas hot": "a hot call took",
  "rfaas warm": "a warm one",
  "ping-pong in C": "the bare ping-pong",
  "TCP": "TCP",
  "HTTP": "HTTP",
  "gRPC": "gRPC",
  "NATS": "NATS",
};
const lines = () => 460;
/** Smaller payloads have a latency, and no bandwidth worth a point. */
const LEAST_BANDWIDTH_BYTES = 16 * 1024;

export const PAPER_CHARTS: readonly Chart[] = [
  {
    id: "paper-round-trips",
    title: "Round trips over the size",
    text:
      "Median of a call of a function that returns its argument, one after the other. Hot: the " +
      "worker polls; warm: it sleeps. The ping-pong only passes the bytes through shared memory; the " +
      `paper states that a hot call adds less than ${
        formatUs(PUBLISHED_OVERHEAD_US)
      } to the bare transfer.`,
    finding: roundTripFinding,
    source: PUBLISHED_SOURCE,
    suite: "paper round trips",
    height: lines,
    option: roundTripChart,
  },
  {
    id: "paper-bandwidth",
    title: "Bandwidth",
    text:
      "The same calls as payload per second, each payload counted once though it travels there " +
      "and back. In shared memory the function writes where the caller reads.",
    finding: bandwidthFinding,
    source: PUBLISHED_SOURCE,
    suite: "paper round trips",
    shows: ({ bytes }) => bytes >= LEAST_BANDWIDTH_BYTES,
    height: lines,
    option: paperBandwidthChart,
  },
];

function roundTripFinding(rows: readonly Row[]): string | undefined {
  const parts = Object.entries(SPOKEN).flatMap(([path, name]) => {
    const row = rows.find((row) => row.path === path && row.bytes === PUBLISHED_BYTES);
    return row ? [`${name} ${formatUs(row.p50_us)}`] : [];
  });
  if (parts.length < 2) return undefined;
  return `With ${sizeText(PUBLISHED_BYTES)} each way, ${parts.slice(0, -1).join(", ")} and ` +
    `${parts.at(-1)}.`;
}

function bandwidthFinding(rows: readonly Row[]): string | undefined {
  const { bytes, gigabytes } = PUBLISHED_BANDWIDTH;
  const row = rows.find((row) => row.path === "rfaas hot" && row.bytes === bytes);
  if (!row) return undefined;
  return `With ${sizeText(bytes)} each way, hot calls moved ${gigabytesOf(row).toPrecision(2)} ` +
    `GB/s through the memory of this host; the paper states ${gigabytes} GB/s over its network.`;
}
