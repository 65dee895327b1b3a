/** Sentences of what the rows of the paper's figures show. */

import { sizeText } from "../../cli/quantity_text.ts";
import { PUBLISHED_BANDWIDTH, PUBLISHED_BYTES } from "../paper/published.ts";
import { parallelPath, readSpeedupPath, recognitionPath } from "../paper/row_paths.ts";
import type { Row } from "../rows.ts";
import { formatUs } from "./look.ts";
import { partsOf } from "./paper_bars.ts";
import { gigabytesOf } from "./paper_lines.ts";
import { speedupsOf } from "./paper_speedups.ts";

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

export function roundTripFinding(rows: readonly Row[]): string | undefined {
  const parts = Object.entries(SPOKEN).flatMap(([path, name]) => {
    const row = rows.find((row) => row.path === path && row.bytes === PUBLISHED_BYTES);
    return row ? [`${name} ${formatUs(row.p50_us)}`] : [];
  });
  if (parts.length < 2) return undefined;
  return `With ${sizeText(PUBLISHED_BYTES)} each way, ${parts.slice(0, -1).join(", ")} and ` +
    `${parts.at(-1)}.`;
}

export function bandwidthFinding(rows: readonly Row[]): string | undefined {
  const { bytes, gigabytes } = PUBLISHED_BANDWIDTH;
  const row = rows.find((row) => row.path === "rfaas hot" && row.bytes === bytes);
  if (!row) return undefined;
  return `With ${sizeText(bytes)} each way, hot calls moved ${gigabytesOf(row).toPrecision(2)} ` +
    `GB/s through the memory of this host; the paper states ${gigabytes} GB/s over its network.`;
}

export function coldFinding(rows: readonly Row[]): string | undefined {
  const texts = [...partsOf(rows)].flatMap(([group, steps]) => {
    const [sandbox, kind] = group.split(", ");
    const [all, boot = 0] = [steps.get("all"), steps.get("boot")];
    if (kind !== "cold" || all === undefined) return [];
    const where = sandbox === "no sandbox" ? "without sandbox" : `in ${sandbox}`;
    return [`${formatUs(all)} ${where} (boot: ${formatUs(boot)})`];
  });
  return texts.length === 0 ? undefined : `A cold start took ${texts.join(", ")}.`;
}

export function parallelFinding(rows: readonly Row[]): string | undefined {
  const find = (workers: number) =>
    rows.find(({ path }) => path === parallelPath({ name: "1 ms of computing", workers }))?.p50_us;
  const [one, two] = [find(1), find(2)];
  if (one === undefined || two === undefined) return undefined;
  return `Two workers did twice the computing of one in ${
    (two / one).toPrecision(2)
  } times its time.`;
}

export function speedupFinding(rows: readonly Row[]): string | undefined {
  const { unit } = readSpeedupPath(rows[0]!.path);
  const texts = speedupsOf(rows).flatMap(({ language, way, speedups }) => {
    const [size, speedup] = [...speedups].at(-1) ?? [];
    if (size === undefined || speedup === undefined || !/^lease, \d+ workers?$/.test(way)) {
      return [];
    }
    const at = `${way}, ${size.toLocaleString("en")} ${unit}`;
    return [`${speedup.toPrecision(2)} times as fast in ${language} (${at})`];
  });
  return texts.length === 0 ? undefined : `At the largest size of each: ${texts.join(", ")}.`;
}

export function thumbnailFinding(rows: readonly Row[]): string | undefined {
  const texts = rows.map(({ path, p50_us, p90_us }) =>
    `${formatUs(p50_us)} by ${path} (90 %: ${formatUs(p90_us)})`
  );
  return texts.length === 0 ? undefined : `The median thumbnail took ${texts.join(", ")}.`;
}

export function recognitionFinding(rows: readonly Row[]): string | undefined {
  const find = (anew: boolean) => rows.find(({ path }) => path === recognitionPath("rfaas", anew));
  const [once, anew] = [find(false), find(true)];
  if (!once || !anew) return undefined;
  return `On a lease the median call took ${formatUs(once.p50_us)} (90 %: ` +
    `${formatUs(once.p90_us)}), and ${formatUs(anew.p50_us)} (90 %: ${
      formatUs(anew.p90_us)
    }) with ` +
    "the model loaded at each call.";
}

export function burstFinding(rows: readonly Row[]): string | undefined {
  const [reserved, leased] = [...partsOf(rows).values()];
  if (!reserved || !leased) return undefined;
  const held = (parts: ReadonlyMap<string, number>) => parts.get("held")!;
  const used = (parts: ReadonlyMap<string, number>) =>
    `${(100 * (parts.get("computing") ?? 0) / held(parts)).toFixed(0)} %`;
  return `The reserved allocation held ${formatUs(held(reserved))} of core time and computed in ` +
    `${used(reserved)} of it, the leases ${formatUs(held(leased))} and ${
      used(leased)
    }: at one price ` +
    `of a core second they cost ${
      (held(leased) / held(reserved)).toPrecision(2)
    } times as much. A burst ` +
    `took ${formatUs(leased.get("a burst")!)} with its lease, ${
      formatUs(reserved.get("a burst")!)
    } without.`;
}
