/** Line charts: by size, percentile, calls in flight, and time. */

import { sizeText } from "../../cli/quantity_text.ts";
import type { EChartsOption } from "../../examples/shared/echarts.ts";
import { percentAt, positionOf } from "../../examples/demo/percentile_axis.ts";
import type { Row } from "../rows.ts";
import { frame, lineStyles, type Tooltip, valueAxis } from "./frame.ts";
import { formatCount, formatUs, type Look } from "./look.ts";

/** The paths of rows, each once. */
export const pathsOf = (rows: readonly Row[]) => [...new Set(rows.map(({ path }) => path))];

/** The part of the data of a tooltip that is used here. */
interface Hovered {
  readonly seriesName: string;
  readonly marker: string;
  readonly value: readonly [number, number];
}

/** Returns a tooltip with all lines, from the lowest value to the highest. */
export function allLines(
  title: (x: number) => string,
  format: (y: number) => string,
  descending = false,
): Tooltip {
  return {
    formatter: (hovered: unknown) => {
      const lines = [...hovered as Hovered[]].sort((a, b) =>
        (a.value[1] - b.value[1]) * (descending ? -1 : 1)
      );
      return [
        `<b>${title(lines[0]!.value[0])}</b>`,
        ...lines.map(({ marker, seriesName, value }) =>
          `${marker}${seriesName} <b>${format(value[1])}</b>`
        ),
      ].join("<br>");
    },
  };
}

/** Returns a logarithmic axis with a label at each measured value. */
export function steps(
  look: Look,
  name: string,
  format: (value: number) => string,
  values: readonly number[],
) {
  const axis = valueAxis(look, { name, format });
  return {
    ...axis,
    type: "log" as const,
    logBase: 2,
    min: values[0]!,
    max: values.at(-1)!,
    splitLine: { show: false }, // its lines would be at other powers
    axisLabel: { ...axis.axisLabel, customValues: [...values] },
  };
}

/** Draws the median by size, on logarithmic axes. */
export function latencyChart(rows: readonly Row[], look: Look): EChartsOption {
  const paths = pathsOf(rows);
  const styles = lineStyles(look, paths);
  const sizes = [...new Set(rows.map(({ bytes }) => bytes))].sort((a, b) => a - b);
  return {
    ...frame(look, paths, allLines(sizeText, formatUs)),
    xAxis: {
      ...steps(look, "bytes each way", sizeText, sizes),
    },
    yAxis: {
      ...valueAxis(look, { name: "median of a round trip", format: formatUs, gap: 58 }),
      type: "log",
    },
    series: paths.map((path) => ({
      name: path,
      type: "line",
      symbol: "circle",
      symbolSize: 6,
      lineStyle: styles.get(path)!,
      itemStyle: { color: styles.get(path)!.color },
      data: rows.filter((row) => row.path === path).map((row) => [row.bytes, row.p50_us]),
    })),
  };
}

/** Draws percentiles, with the axis stretched towards 100 %. */
export function distributionChart(rows: readonly Row[], look: Look): EChartsOption {
  const shown = rows.filter(({ curve }) => curve !== undefined);
  const paths = pathsOf(shown);
  const styles = lineStyles(look, paths);
  const end = Math.max(1, Math.ceil(Math.max(...shown.map(({ curve }) => curve!.at(-1)![0]))));
  const percentiles = valueAxis(look, {
    name: "percentile (share of round trips, %)",
    format: percentAt,
  });
  const ticks = [0, positionOf(50), ...Array.from({ length: end }, (_, i) => i + 1)];
  return {
    ...frame(look, paths, allLines((nines) => `${percentAt(nines)} %`, formatUs)),
    xAxis: {
      ...percentiles,
      type: "value",
      min: 0,
      max: end,
      axisLabel: { ...percentiles.axisLabel, customValues: ticks },
    },
    yAxis: { ...valueAxis(look, { name: "a round trip", format: formatUs, gap: 58 }), type: "log" },
    series: shown.map(({ path, curve }) => ({
      name: path,
      type: "line",
      showSymbol: false,
      lineStyle: styles.get(path)!,
      itemStyle: { color: styles.get(path)!.color },
      data: curve!.map(([nines, us]) => [nines, us]),
    })),
  };
}

/** Draws calls per second by calls in flight, with a line for each number of workers. */
export function throughputChart(rows: readonly Row[], look: Look): EChartsOption {
  const points = rows.map(({ path, per_second }) => {
    const [, inFlight, workers] = /(\d+) in flight, (\d+) worker/.exec(path)!.map(Number);
    return { inFlight: inFlight!, workers: workers!, per_second };
  });
  const workers = [...new Set(points.map((point) => point.workers))].sort((a, b) => a - b);
  const inFlights = [...new Set(points.map((point) => point.inFlight))].sort((a, b) => a - b);
  const name = (count: number) => `${count} worker${count > 1 ? "s" : ""}`;
  const colors = [look.own[0]!, ...look.others];
  const title = (inFlight: number) => `${inFlight} in flight`;
  return {
    ...frame(look, workers.map(name), allLines(title, formatCount, true)),
    xAxis: {
      ...steps(look, "calls in flight on each worker", String, inFlights),
    },
    yAxis: {
      ...valueAxis(look, { name: "calls per second", format: formatCount, gap: 46 }),
      type: "value",
    },
    series: workers.map((count, i) => ({
      name: name(count),
      type: "line",
      symbol: "circle",
      symbolSize: 7,
      lineStyle: { color: colors[i % colors.length]!, width: 2.5 },
      itemStyle: { color: colors[i % colors.length]! },
      data: points.filter((point) => point.workers === count)
        .map((point) => [point.inFlight, point.per_second]),
    })),
  };
}

/** Draws calls per second of each part. */
export function partsChart(rows: readonly Row[], look: Look): EChartsOption {
  return {
    ...frame(look, [], allLines((part) => `part ${part}`, formatCount)),
    xAxis: {
      ...valueAxis(look, { name: "part of the run", format: String }),
      type: "value",
      min: 1,
      max: Math.max(2, rows.length),
      interval: 1,
    },
    yAxis: {
      ...valueAxis(look, { name: "calls per second", format: formatCount, gap: 46 }),
      type: "value",
      min: 0,
    },
    series: [{
      type: "line",
      name: "calls",
      symbolSize: 7,
      lineStyle: { color: look.own[0]!, width: 3 },
      itemStyle: { color: look.own[0]! },
      data: rows.map(({ per_second }, i) => [i + 1, per_second]),
    }],
  };
}
