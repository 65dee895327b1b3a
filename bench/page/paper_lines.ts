/** Line charts of the paper's figures, with its published values as marks. */

import { sizeText } from "../../cli/quantity_text.ts";
import type { EChartsOption } from "../../examples/shared/echarts.ts";
import { PUBLISHED_BANDWIDTH, PUBLISHED_BYTES, PUBLISHED_ROUND_TRIPS } from "../paper/published.ts";
import type { Row } from "../rows.ts";
import { frame, lineStyles, valueAxis } from "./frame.ts";
import { allLines, latencyChart, pathsOf, steps } from "./line_charts.ts";
import { formatUs, type Look } from "./look.ts";
import { PUBLISHED, publishedSeries } from "./published_marks.ts";

/** Draws round trips over the size, beside the published ones. */
export function roundTripChart(rows: readonly Row[], look: Look): EChartsOption {
  const base = latencyChart(rows, look);
  const marks = PUBLISHED_ROUND_TRIPS.map(({ name, us }) => ({ name, x: PUBLISHED_BYTES, y: us }));
  return {
    ...base,
    ...frame(look, [...pathsOf(rows), PUBLISHED], allLines(sizeText, formatUs)),
    series: [...base.series as object[], publishedSeries(look, marks, formatUs)],
  };
}

/** Gigabytes per second, with the payload of a round trip counted once. */
export function gigabytesOf({ bytes, p50_us }: Row): number {
  return bytes / p50_us / 1000;
}

const formatGigabytes = (value: number) =>
  `${Number(value.toPrecision(2)).toLocaleString("en")} GB/s`;

/** Draws gigabytes per second over the size, beside the published bandwidth. */
export function paperBandwidthChart(rows: readonly Row[], look: Look): EChartsOption {
  const paths = pathsOf(rows);
  const styles = lineStyles(look, paths);
  const sizes = [...new Set(rows.map(({ bytes }) => bytes))].sort((a, b) => a - b);
  const { bytes: x, gigabytes: y } = PUBLISHED_BANDWIDTH;
  const mark = publishedSeries(look, [{ name: "rFaaS", x, y }], formatGigabytes);
  return {
    ...frame(look, [...paths, PUBLISHED], allLines(sizeText, formatGigabytes, true)),
    xAxis: steps(look, "bytes each way", sizeText, sizes),
    yAxis: {
      ...valueAxis(look, {
        name: "payload per second, counted once",
        format: formatGigabytes,
        gap: 72,
      }),
      type: "log",
    },
    series: [
      ...paths.map((path) => ({
        name: path,
        type: "line" as const,
        symbol: "circle",
        symbolSize: 6,
        lineStyle: styles.get(path)!,
        itemStyle: { color: styles.get(path)!.color },
        data: rows.filter((row) => row.path === path).map((row) => [row.bytes, gigabytesOf(row)]),
      })),
      { ...mark, label: { ...mark.label, position: "left" } },
    ],
  };
}
