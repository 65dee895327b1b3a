/** Charts of the paper's programs: calls on several workers at a time, and speed-ups over the size. */

import type { EChartsOption } from "../../examples/shared/echarts.ts";
import { PUBLISHED_SPEEDUPS } from "../paper/published.ts";
import { readParallelPath, readSpeedupPath } from "../paper/row_paths.ts";
import type { Row } from "../rows.ts";
import { categoryAxis, frame, valueAxis } from "./frame.ts";
import { allLines } from "./line_charts.ts";
import { formatUs, type Look } from "./look.ts";

/** Smaller speed-ups are drawn at this one. */
const LEAST = 1 / 64;

/** Draws the time until all workers have replied, over their number. */
export function parallelChart(rows: readonly Row[], look: Look): EChartsOption {
  const points = rows.map((row) => ({ ...readParallelPath(row.path), us: row.p50_us }));
  const names = [...new Set(points.map(({ name }) => name))];
  const colors = [look.own[0]!, look.others[1]!, look.others[0]!];
  const format = (workers: number) => `${workers} ${workers === 1 ? "worker" : "workers"}`;
  return {
    ...frame(look, names, allLines(format, formatUs)),
    xAxis: {
      ...valueAxis(look, { name: "workers, each with one call", format: String }),
      type: "value",
      min: 1,
      max: Math.max(2, ...points.map(({ workers }) => workers)),
      interval: 1,
    },
    yAxis: {
      ...valueAxis(look, { name: "until all have replied", format: formatUs, gap: 58 }),
      type: "log",
    },
    series: names.map((name, i) => ({
      name,
      type: "line" as const,
      symbol: "circle",
      symbolSize: 7,
      lineStyle: { color: colors[i % colors.length]!, width: 2.5 },
      itemStyle: { color: colors[i % colors.length]! },
      data: points.filter((point) => point.name === name).map(({ workers, us }) => [workers, us]),
    })),
  };
}

/** A line of a chart of speed-ups. */
export interface SpeedupSeries {
  readonly language: string;
  readonly way: string;
  /** How many times as fast as the first way of its language, by size. */
  readonly speedups: ReadonlyMap<number, number>;
}

/** Returns the speed-ups of a problem, but for the first way of each language. */
export function speedupsOf(rows: readonly Row[]): SpeedupSeries[] {
  const points = rows.map((row) => ({ ...readSpeedupPath(row.path), us: row.p50_us }));
  return [...new Set(points.map(({ language }) => language))].flatMap((language) => {
    const own = points.filter((point) => point.language === language);
    const [first, ...ways] = new Set(own.map(({ way }) => way));
    const usOf = (way: string | undefined, size: number) =>
      own.find((point) => point.way === way && point.size === size)!.us;
    const sizes = [...new Set(own.map(({ size }) => size))];
    return ways.map((way) => ({
      language,
      way,
      speedups: new Map(sizes.map((size) => [size, usOf(first, size) / usOf(way, size)])),
    }));
  });
}

/** Draws speed-ups over the size, with a color for each language: local threads broken, leases whole. */
export function speedupChart(rows: readonly Row[], look: Look): EChartsOption {
  const series = speedupsOf(rows);
  const { problem, unit } = readSpeedupPath(rows[0]!.path);
  const sizes = [...new Set(series.flatMap(({ speedups }) => [...speedups.keys()]))]
    .sort((a, b) => a - b);
  const languages = [...new Set(series.map(({ language }) => language))];
  const colors = [look.own[0]!, look.others[0]!, look.others[2]!];
  const format = (value: number) =>
    value >= 1 ? `${Number(value.toPrecision(3))}×` : `1/${Number((1 / value).toPrecision(3))}`;
  const nameOf = ({ language, way }: SpeedupSeries) => `${language}: ${way}`;
  return {
    ...frame(look, series.map(nameOf), { valueFormatter: (value) => format(Number(value)) }),
    xAxis: {
      ...valueAxis(look, { name: unit, format: String }),
      axisLabel: { color: look.text },
      type: "category",
      data: sizes.map((size) => size.toLocaleString("en")),
    },
    yAxis: {
      ...valueAxis(look, { name: "times as fast (logarithmic)", format, gap: 46 }),
      axisLine: categoryAxis(look).axisLine,
      type: "log",
      logBase: 2,
      min: ({ min }: { min: number }) => 2 ** Math.floor(Math.log2(Math.min(0.9, min))),
      max: ({ max }: { max: number }) =>
        2 ** Math.ceil(Math.log2(1.05 * Math.max(2, max, ...publishedOf(problem)))),
    },
    series: series.map((each, i) => {
      const color = colors[languages.indexOf(each.language) % colors.length]!;
      const isLocal = each.way.includes("local");
      const type = isLocal
        ? "dashed" as const
        : each.way.includes("both")
        ? "dotted" as const
        : "solid" as const;
      return {
        name: nameOf(each),
        type: "line" as const,
        symbol: isLocal ? "emptyCircle" : "circle",
        symbolSize: 7,
        lineStyle: { color, type, width: type === "solid" ? 3 : 1.8 },
        itemStyle: { color },
        data: sizes.map((size) => {
          const speedup = each.speedups.get(size);
          return speedup === undefined ? "-" : Math.max(LEAST, speedup);
        }),
        markLine: i > 0 ? {} : publishedLines(problem, look),
      };
    }),
  };
}

/** Lines at one local thread, and at the published speed-ups of a problem. */
function publishedLines(problem: string, look: Look) {
  const label = (formatter: string) => ({
    formatter,
    position: "insideStartTop" as const,
    color: look.text,
  });
  return {
    silent: true,
    symbol: ["none", "none"],
    lineStyle: { color: look.text, type: "dotted" as const, width: 1.5 },
    data: [
      { yAxis: 1, label: label("as fast") },
      ...[...new Set(publishedOf(problem))].map((yAxis) => ({
        yAxis,
        label: label(`published: ${yAxis}×`),
      })),
    ],
  };
}

function publishedOf(problem: string): readonly number[] {
  return PUBLISHED_SPEEDUPS[problem as keyof typeof PUBLISHED_SPEEDUPS] ?? [];
}
