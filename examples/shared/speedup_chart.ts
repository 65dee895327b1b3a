/** Draws how much faster each way is than one local thread, over the size of the problem, as an SVG. */

import { CHART_TEXT, svgOf } from "./svg_chart.ts";

export interface SpeedupChart {
  readonly title: string;
  /** What the picture shows: a sentence, or several in lines. */
  readonly sentence: string;
  /** What the ways are compared with. */
  readonly base: string;
  /** The name of the horizontal axis, with its unit. */
  readonly size: string;
  readonly sizes: readonly number[];
  /** For each way its speed-ups, in the order of the sizes. */
  readonly series: readonly { readonly name: string; readonly speedups: readonly number[] }[];
}

/** In pixels. */
const FRAME = { width: 1000, height: 560 };
/** Color-blind readers can distinguish them (the set of Okabe and Ito). */
const COLORS = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
/** Smaller speed-ups are drawn at this one: a call over a network may cost a thousand times the work. */
const LEAST = 0.01;

export function speedupChart(
  { title, sentence, base, size, sizes, series }: SpeedupChart,
): string {
  const axis = {
    nameLocation: "middle",
    nameTextStyle: { fontSize: 14 },
    axisLine: { show: true, lineStyle: { color: "#999999" } },
    splitLine: { show: true, lineStyle: { color: "#e0e0e0" } },
  } as const;
  return svgOf({
    color: COLORS,
    title: {
      text: title,
      subtext: sentence,
      left: 24,
      top: 14,
      textStyle: { ...CHART_TEXT, fontSize: 20 },
      subtextStyle: { ...CHART_TEXT, fontSize: 13, color: "#666666" },
    },
    legend: { left: 24, bottom: 10, icon: "roundRect", itemGap: 32, textStyle: CHART_TEXT },
    grid: { left: 80, right: 40, top: 108, bottom: 96 },
    xAxis: {
      ...axis,
      type: "category",
      name: size,
      nameGap: 30,
      data: sizes.map((value) => value.toLocaleString("en")),
    },
    yAxis: {
      ...axis,
      type: "log",
      logBase: 2,
      name: `times as fast as ${base} (logarithmic)`,
      nameGap: 50,
      axisLabel: { formatter: (value: number) => value >= 1 ? String(value) : `1/${1 / value}` },
    },
    series: series.map(({ name, speedups }, i) => ({
      name,
      type: "line" as const,
      symbol: "circle",
      symbolSize: 8,
      lineStyle: { width: 2.5 },
      data: speedups.map((value) => Math.max(value, LEAST)),
      label: {
        show: true,
        position: i % 2 === 0 ? "bottom" as const : "top" as const,
        color: "inherit",
        textBorderColor: "#ffffff",
        textBorderWidth: 3,
        formatter: ({ value }: { value: unknown }) => (value as number).toPrecision(2),
      },
      markLine: i > 0 ? {} : {
        silent: true,
        symbol: ["none", "none"],
        lineStyle: { color: "#333333", type: "dashed" as const },
        label: { formatter: base, position: "insideStartTop" as const },
        data: [{ yAxis: 1 }],
      },
    })),
  }, FRAME);
}
