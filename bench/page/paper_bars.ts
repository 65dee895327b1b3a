/** Stacked bars of the paper's figures: the steps of a start, and the core time of a bursty load. */

import type { EChartsOption } from "../../examples/shared/echarts.ts";
import { readPartPath } from "../paper/row_paths.ts";
import type { Row } from "../rows.ts";
import { categoryAxis, frame, valueAxis } from "./frame.ts";
import { formatUs, type Look } from "./look.ts";

/** Shorter parts have no text in them, as shares of the longest bar. */
const LEAST_SHARE = 0.1;

/** Microseconds of each part of each group. */
type Parts = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Returns the medians by group and part, in the order of the rows. */
export function partsOf(rows: readonly Row[]): Parts {
  const groups = new Map<string, Map<string, number>>();
  for (const { path, p50_us } of rows) {
    const { group, part } = readPartPath(path);
    if (!groups.has(group)) groups.set(group, new Map());
    groups.get(group)!.set(part, p50_us);
  }
  return groups;
}

/** Draws the steps of starts, one after the other. */
export function coldStepsChart(rows: readonly Row[], look: Look): EChartsOption {
  const groups = partsOf(rows.filter(({ path }) => readPartPath(path).part !== "all"));
  return stackedChart(groups, look, "median of each step");
}

/** Draws what became of the core time that leases held. */
export function burstyLoadChart(rows: readonly Row[], look: Look): EChartsOption {
  const groups = new Map([...partsOf(rows)].map(([group, parts]) => {
    const [computing, polling] = [parts.get("computing") ?? 0, parts.get("polling") ?? 0];
    const idle = Math.max(0, (parts.get("held") ?? 0) - computing - polling);
    return [group, new Map([["computing", computing], ["polling", polling], ["idle", idle]])];
  }));
  return stackedChart(groups, look, "core time held, by the bills");
}

function stackedChart(groups: Parts, look: Look, name: string): EChartsOption {
  const parts = [...new Set([...groups.values()].flatMap((each) => [...each.keys()]))];
  const colors = [look.own[0]!, look.others[1]!, look.floor, ...look.others.slice(2), look.own[2]!];
  const sums = [...groups.values()].map((each) => [...each.values()].reduce((a, b) => a + b, 0));
  const least = LEAST_SHARE * Math.max(...sums);
  const isLight = look.background === "#ffffff";
  return {
    ...frame(look, parts, {
      axisPointer: { type: "shadow" },
      valueFormatter: (value) => formatUs(Number(value)),
    }),
    xAxis: { ...valueAxis(look, { name, format: formatUs }), type: "value" },
    yAxis: { ...categoryAxis(look), type: "category", inverse: true, data: [...groups.keys()] },
    series: parts.map((part, i) => ({
      name: part,
      type: "bar" as const,
      stack: "all",
      barMaxWidth: 34,
      itemStyle: { color: colors[i % colors.length]! },
      label: {
        show: true,
        color: isLight ? "#ffffff" : "#16181c",
        fontSize: 12,
        formatter: ({ value }: { value: unknown }) =>
          Number(value) >= least ? formatUs(Number(value)) : "",
      },
      data: [...groups.values()].map((each) => each.get(part) ?? 0),
    })),
  };
}
