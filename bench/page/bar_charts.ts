/** Bar charts, which compare single figures. */

import { sizeText } from "../../cli/quantity_text.ts";
import type { EChartsOption } from "../../examples/shared/echarts.ts";
import type { Row } from "../rows.ts";
import { categoryAxis, frame, kindOf, type Tooltip, valueAxis } from "./frame.ts";
import { formatUs, type Look } from "./look.ts";

/** A tooltip with a shadow behind all bars of a row or a column. */
const SHADOW: Tooltip = { axisPointer: { type: "shadow" } };

/** Draws medians as bars, with a line to the 99th percentile. */
export function barsChart(rows: readonly Row[], look: Look): EChartsOption {
  const base = frame(look, [], {
    ...SHADOW,
    formatter: (hovered: unknown) => {
      const row = rows[(hovered as { dataIndex: number }[])[0]!.dataIndex]!;
      return [
        `<b>${row.path}</b>`,
        `median <b>${formatUs(row.p50_us)}</b>`,
        `90 % ${formatUs(row.p90_us)}`,
        `99 % ${formatUs(row.p99_us)}`,
      ].join("<br>");
    },
  });
  const min = Math.min(...rows.map(({ p50_us }) => p50_us));
  const max = Math.max(...rows.map(({ p99_us }) => p99_us));
  // Bars begin at a power of ten below all values: a logarithmic axis has no zero.
  const start = 10 ** Math.floor(Math.log10(min) - 0.3);
  const wide = max / min > 50;
  const color = ({ path }: Row) =>
    kindOf(path) === "floor" ? look.floor : kindOf(path) === "own" ? look.own[0]! : look.own[1]!;
  return {
    ...base,
    grid: { ...base.grid as object, left: 26, containLabel: false },
    xAxis: {
      ...valueAxis(look, { name: wide ? "time (logarithmic)" : "time", format: formatUs }),
      type: wide ? "log" : "value",
      min: wide ? start : 0,
      max: wide ? 10 ** Math.ceil(Math.log10(max)) : roundUp(max),
      ...(wide ? { startValue: start } : {}),
    },
    yAxis: {
      ...categoryAxis(look),
      type: "category",
      inverse: true,
      data: rows.map(({ path }) => path),
      axisLabel: { show: false },
    },
    series: [
      {
        type: "bar",
        barMaxWidth: 14,
        data: rows.map((row) => ({
          value: row.p50_us,
          itemStyle: { color: color(row) },
        })),
        // Above its bar: names are too long for the space beside it.
        label: {
          show: true,
          position: "insideBottomLeft",
          offset: [0, -18],
          color: look.text,
          fontSize: 12,
          formatter: ({ name, value }) => `{value|${formatUs(Number(value))}}  ${name}`,
          rich: { value: { fontWeight: "bold", color: look.text } },
        },
        markLine: {
          silent: true,
          symbol: ["none", "none"],
          lineStyle: { color: look.faint, type: "solid", width: 1.5 },
          label: { show: false },
          data: rows.map((row, i) => [
            { coord: [row.p50_us, i] },
            { coord: [row.p99_us, i] },
          ]),
        },
      },
    ],
  };
}

/** Rounds up to two digits of which the second is 0 or 5, for the end of an axis. */
function roundUp(value: number): number {
  const step = 10 ** Math.floor(Math.log10(value)) / 2;
  return Math.ceil(value / step) * step;
}

/** Draws the parts of a call as stacked bars: client, worker, client. */
export function overheadChart(rows: readonly Row[], look: Look): EChartsOption {
  const cases = [
    ...new Set(rows.map((row) => `${row.path.split(":")[0]}, ${sizeText(row.bytes)}`)),
  ];
  const parts = ["client, start", "worker", "client, finish"];
  const colors = [look.own[0]!, look.others[0]!, look.own[2]!];
  const ns = (us: number) => `${(us * 1000).toFixed(0)} ns`;
  return {
    ...frame(look, parts, { ...SHADOW, valueFormatter: (value) => ns(Number(value)) }),
    xAxis: { ...valueAxis(look, { name: "median of a call", format: ns }), type: "value" },
    yAxis: {
      ...categoryAxis(look),
      type: "category",
      inverse: true,
      data: cases,
    },
    series: parts.map((part, i) => ({
      name: part,
      type: "bar",
      stack: "call",
      barMaxWidth: 34,
      itemStyle: { color: colors[i]! },
      label: {
        show: true,
        color: i === 2 && look.background === "#ffffff" ? "#222222" : look.background,
        fontSize: 12,
        formatter: ({ value }) => ns(Number(value)),
      },
      data: cases.map((each) =>
        rows.find((row) =>
          row.path.endsWith(`: ${part}`) &&
          each === `${row.path.split(":")[0]}, ${sizeText(row.bytes)}`
        )?.p50_us ?? 0
      ),
    })),
  };
}

/** Draws gigabytes per second by size, with a bar for each kind of call. */
export function bandwidthChart(rows: readonly Row[], look: Look): EChartsOption {
  const paths = [...new Set(rows.map(({ path }) => path))];
  const sizes = [...new Set(rows.map(({ bytes }) => bytes))].sort((a, b) => a - b);
  const colors = [look.floor, ...look.own, look.others[1]!, look.others[0]!];
  const min = Math.min(...rows.map((row) => gigabytes(row)));
  const start = 10 ** Math.floor(Math.log10(min) - 0.1);
  const format = (value: number) => `${Number(value.toPrecision(2)).toLocaleString("en")} GB/s`;
  return {
    ...frame(look, paths, { ...SHADOW, valueFormatter: (value) => format(Number(value)) }),
    xAxis: {
      ...categoryAxis(look),
      type: "category",
      data: sizes.map(sizeText),
    },
    yAxis: {
      ...valueAxis(look, { name: "bytes per second (logarithmic)", format, gap: 90 }),
      type: "log",
      min: start,
      startValue: start,
    },
    series: paths.map((path, i) => ({
      name: path,
      type: "bar",
      itemStyle: { color: colors[i % colors.length]! },
      data: sizes.map((bytes) => {
        const row = rows.find((row) => row.path === path && row.bytes === bytes);
        return row ? gigabytes(row) : "-";
      }),
    })),
  };
}

/** Gigabytes per second. */
function gigabytes({ bytes, p50_us }: Row): number {
  return bytes / p50_us / 1000;
}
