/** Charts of bars: single figures beside each other. */

import type { EChartsOption } from "../../examples/demo/echarts.ts";
import type { Row } from "../rows.ts";
import { categoryAxis, frame, kindOf, type Tooltip, valueAxis } from "./frame.ts";
import { type Look, sayBytes, sayUs } from "./look.ts";

/** A tooltip's own: it points by a shadow behind all bars of a row or a column. */
const SHADOW: Tooltip = { axisPointer: { type: "shadow" } };

/** Medians as bars, with a line to the 99th percentile. */
export function barsChart(rows: readonly Row[], look: Look): EChartsOption {
  const base = frame(look, [], {
    ...SHADOW,
    formatter: (hovered: unknown) => {
      const row = rows[(hovered as { dataIndex: number }[])[0]!.dataIndex]!;
      return [
        `<b>${row.path}</b>`,
        `median <b>${sayUs(row.p50_us)}</b>`,
        `90 % ${sayUs(row.p90_us)}`,
        `99 % ${sayUs(row.p99_us)}`,
      ].join("<br>");
    },
  });
  const least = Math.min(...rows.map(({ p50_us }) => p50_us));
  const most = Math.max(...rows.map(({ p99_us }) => p99_us));
  // Bars begin at a power of ten below all of them: on a logarithmic axis there is no zero.
  const start = 10 ** Math.floor(Math.log10(least) - 0.3);
  const wide = most / least > 50;
  const colour = ({ path }: Row) =>
    kindOf(path) === "floor" ? look.floor : kindOf(path) === "own" ? look.own[0]! : look.own[1]!;
  return {
    ...base,
    grid: { ...base.grid as object, left: 26, containLabel: false },
    xAxis: {
      ...valueAxis(look, { name: wide ? "time (logarithmic)" : "time", say: sayUs }),
      type: wide ? "log" : "value",
      min: wide ? start : 0,
      max: wide ? 10 ** Math.ceil(Math.log10(most)) : roundUp(most),
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
          itemStyle: { color: colour(row) },
        })),
        // Above its bar: names are longer than there is room beside it.
        label: {
          show: true,
          position: "insideBottomLeft",
          offset: [0, -18],
          color: look.text,
          fontSize: 12,
          formatter: ({ name, value }) => `{value|${sayUs(Number(value))}}  ${name}`,
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

/** To two digits of which the second is 0 or 5: where an axis may end. */
function roundUp(value: number): number {
  const step = 10 ** Math.floor(Math.log10(value)) / 2;
  return Math.ceil(value / step) * step;
}

/** The parts of a call on each other: client, worker, client again. */
export function overheadChart(rows: readonly Row[], look: Look): EChartsOption {
  const cases = [
    ...new Set(rows.map((row) => `${row.path.split(":")[0]}, ${sayBytes(row.bytes)}`)),
  ];
  const parts = ["client, start", "worker", "client, finish"];
  const colours = [look.own[0]!, look.others[0]!, look.own[2]!];
  const ns = (us: number) => `${(us * 1000).toFixed(0)} ns`;
  return {
    ...frame(look, parts, { ...SHADOW, valueFormatter: (value) => ns(Number(value)) }),
    xAxis: { ...valueAxis(look, { name: "median of a call", say: ns }), type: "value" },
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
      itemStyle: { color: colours[i]! },
      label: {
        show: true,
        color: i === 2 && look.background === "#ffffff" ? "#222222" : look.background,
        fontSize: 12,
        formatter: ({ value }) => ns(Number(value)),
      },
      data: cases.map((each) =>
        rows.find((row) =>
          row.path.endsWith(`: ${part}`) &&
          each === `${row.path.split(":")[0]}, ${sayBytes(row.bytes)}`
        )?.p50_us ?? 0
      ),
    })),
  };
}

/** Gigabytes a second by size, a bar a way of calling. */
export function bandwidthChart(rows: readonly Row[], look: Look): EChartsOption {
  const paths = [...new Set(rows.map(({ path }) => path))];
  const sizes = [...new Set(rows.map(({ bytes }) => bytes))].sort((a, b) => a - b);
  const colours = [look.floor, ...look.own, look.others[1]!, look.others[0]!];
  const least = Math.min(...rows.map((row) => gigabytes(row)));
  const start = 10 ** Math.floor(Math.log10(least) - 0.1);
  const say = (value: number) => `${Number(value.toPrecision(2)).toLocaleString("en")} GB/s`;
  return {
    ...frame(look, paths, { ...SHADOW, valueFormatter: (value) => say(Number(value)) }),
    xAxis: {
      ...categoryAxis(look),
      type: "category",
      data: sizes.map(sayBytes),
    },
    yAxis: {
      ...valueAxis(look, { name: "bytes a second (logarithmic)", say, gap: 90 }),
      type: "log",
      min: start,
      startValue: start,
    },
    series: paths.map((path, i) => ({
      name: path,
      type: "bar",
      itemStyle: { color: colours[i % colours.length]! },
      data: sizes.map((bytes) => {
        const row = rows.find((row) => row.path === path && row.bytes === bytes);
        return row ? gigabytes(row) : "-";
      }),
    })),
  };
}

/** A second. */
function gigabytes({ bytes, p50_us }: Row): number {
  return bytes / p50_us / 1000;
}
