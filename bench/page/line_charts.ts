/** Charts of lines: over size, over percentiles, over calls in flight, over time. */

import type { EChartsOption } from "../../examples/demo/echarts.ts";
import { percentAt, positionOf } from "../../examples/demo/percentile_axis.ts";
import type { Row } from "../rows.ts";
import { frame, lineStyles, type Tooltip, valueAxis } from "./frame.ts";
import { type Look, sayBytes, sayCount, sayUs } from "./look.ts";

const pathsOf = (rows: readonly Row[]) => [...new Set(rows.map(({ path }) => path))];

/** What a tooltip is given, as far as it is used here. */
interface Hovered {
  readonly seriesName: string;
  readonly marker: string;
  readonly value: readonly [number, number];
}

/** A tooltip of all lines, from the lowest to the highest value. */
function allLines(
  title: (x: number) => string,
  say: (y: number) => string,
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
          `${marker}${seriesName} <b>${say(value[1])}</b>`
        ),
      ].join("<br>");
    },
  };
}

/** A logarithmic axis with a label at each value that was measured. */
function steps(
  look: Look,
  name: string,
  say: (value: number) => string,
  values: readonly number[],
) {
  const axis = valueAxis(look, { name, say });
  return {
    ...axis,
    type: "log" as const,
    logBase: 2,
    min: values[0]!,
    max: values.at(-1)!,
    splitLine: { show: false }, // it has lines at powers of its own
    axisLabel: { ...axis.axisLabel, customValues: [...values] },
  };
}

/** Median over size, both logarithmic. */
export function latencyChart(rows: readonly Row[], look: Look): EChartsOption {
  const paths = pathsOf(rows);
  const styles = lineStyles(look, paths);
  const sizes = [...new Set(rows.map(({ bytes }) => bytes))].sort((a, b) => a - b);
  return {
    ...frame(look, paths, allLines(sayBytes, sayUs)),
    xAxis: {
      ...steps(look, "bytes each way", sayBytes, sizes),
    },
    yAxis: {
      ...valueAxis(look, { name: "median of a round trip", say: sayUs, gap: 58 }),
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

/** Percentiles, stretched towards 100 %. */
export function distributionChart(rows: readonly Row[], look: Look): EChartsOption {
  const shown = rows.filter(({ curve }) => curve !== undefined);
  const paths = pathsOf(shown);
  const styles = lineStyles(look, paths);
  const end = Math.max(1, Math.ceil(Math.max(...shown.map(({ curve }) => curve!.at(-1)![0]))));
  const percentiles = valueAxis(look, {
    name: "percentile (share of round trips, %)",
    say: percentAt,
  });
  const ticks = [0, positionOf(50), ...Array.from({ length: end }, (_, i) => i + 1)];
  return {
    ...frame(look, paths, allLines((nines) => `${percentAt(nines)} %`, sayUs)),
    xAxis: {
      ...percentiles,
      type: "value",
      min: 0,
      max: end,
      axisLabel: { ...percentiles.axisLabel, customValues: ticks },
    },
    yAxis: { ...valueAxis(look, { name: "a round trip", say: sayUs, gap: 58 }), type: "log" },
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

/** Calls a second over calls in flight, a line for each number of workers. */
export function throughputChart(rows: readonly Row[], look: Look): EChartsOption {
  const points = rows.map(({ path, per_second }) => {
    const [, inFlight, workers] = /(\d+) in flight, (\d+) worker/.exec(path)!.map(Number);
    return { inFlight: inFlight!, workers: workers!, per_second };
  });
  const workers = [...new Set(points.map((point) => point.workers))].sort((a, b) => a - b);
  const inFlights = [...new Set(points.map((point) => point.inFlight))].sort((a, b) => a - b);
  const name = (count: number) => `${count} worker${count > 1 ? "s" : ""}`;
  const colours = [look.own[0]!, ...look.others];
  const say = (inFlight: number) => `${inFlight} in flight`;
  return {
    ...frame(look, workers.map(name), allLines(say, sayCount, true)),
    xAxis: {
      ...steps(look, "calls in flight on each worker", String, inFlights),
    },
    yAxis: {
      ...valueAxis(look, { name: "calls a second", say: sayCount, gap: 46 }),
      type: "value",
    },
    series: workers.map((count, i) => ({
      name: name(count),
      type: "line",
      symbol: "circle",
      symbolSize: 7,
      lineStyle: { color: colours[i % colours.length]!, width: 2.5 },
      itemStyle: { color: colours[i % colours.length]! },
      data: points.filter((point) => point.workers === count)
        .map((point) => [point.inFlight, point.per_second]),
    })),
  };
}

/** Calls a second, part by part. */
export function partsChart(rows: readonly Row[], look: Look): EChartsOption {
  return {
    ...frame(look, [], allLines((part) => `part ${part}`, sayCount)),
    xAxis: {
      ...valueAxis(look, { name: "part of the run", say: String }),
      type: "value",
      min: 1,
      max: Math.max(2, rows.length),
      interval: 1,
    },
    yAxis: {
      ...valueAxis(look, { name: "calls a second", say: sayCount, gap: 46 }),
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
