/**
 * Draws the latency of calls as an SVG. The horizontal axis is stretched towards 100 %, so that the slowest call in
 * ten thousand is as visible as the median. A curve that stays flat far to the right means steady calls.
 *
 * @module
 */
import type { EChartsOption } from "../shared/echarts.ts";
import { CHART_TEXT, svgOf } from "../shared/svg_chart.ts";
import { curve, percentAt, positionOf } from "./percentile_axis.ts";
import { percentileOf } from "./percentiles.ts";

/** Options of {@linkcode latencyChart}. */
export interface LatencyChart {
  /** The title above the chart. */
  title: string;
  /** One curve each. The values are microseconds in any order; they are not changed. */
  series: { name: string; valuesUs: Float64Array }[];
}

/** The size of the picture, in pixels. */
const size = { width: 1000, height: 600 };

/** One per curve. Color-blind readers can distinguish them (the set of Okabe and Ito). */
const colors = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

/** Percentiles that are labeled at the curves. */
const marked = [50, 99, 99.9];

/** The smallest time on the logarithmic axis. A coarse clock may measure 0. */
const LEAST_US = 0.001;

/** A series ready to be drawn. */
interface Curve {
  name: string;
  sorted: Float64Array;
}

/**
 * Draws the distribution of the series' latencies, percentile by percentile.
 *
 * @param chart The title and the series, each with at least one value.
 * @returns The text of an SVG file.
 * @throws {RangeError} If there is no series, or one without values.
 */
export function latencyChart({ title, series }: LatencyChart): string {
  if (series.length === 0) throw new RangeError("Cannot draw a latency chart: there are 0 series");
  const curves = series.map(({ name, valuesUs }): Curve => {
    if (valuesUs.length === 0) {
      throw new RangeError(`Cannot draw the latency of "${name}": there are 0 values`);
    }
    return { name, sorted: valuesUs.map((us) => Math.max(us, LEAST_US)).sort() };
  });
  return svgOf({ ...frame(title), ...axes(curves), series: curves.map(line) }, size);
}

/** Everything around the plot. */
function frame(title: string): EChartsOption {
  return {
    color: colors,
    title: {
      text: title,
      subtext:
        "How to read it: of all calls, the share below took no longer than the time at the left",
      left: 24,
      top: 16,
      textStyle: { ...CHART_TEXT, fontSize: 20 },
      subtextStyle: { ...CHART_TEXT, fontSize: 13, color: "#666666" },
    },
    // The gap covers the error of the names' width, which is an estimate without a browser.
    legend: {
      right: 32,
      top: 20,
      icon: "roundRect",
      itemGap: 40,
      textStyle: { ...CHART_TEXT, fontSize: 14 },
    },
    grid: { left: 88, right: 40, top: 96, bottom: 72 },
  };
}

/** Percentiles to the right, as far as the longest series distinguishes them; times upwards. */
function axes(curves: Curve[]): EChartsOption {
  const most = Math.max(...curves.map(({ sorted }) => sorted.length));
  const steps = Math.max(1, Math.ceil(Math.log10(most)));
  const ticks = [0, positionOf(50), ...Array.from({ length: steps }, (_, i) => i + 1)];
  const both = {
    nameLocation: "middle",
    nameTextStyle: { fontSize: 14 },
    axisLine: { show: true, lineStyle: { color: "#999999" } },
    splitLine: { show: true, lineStyle: { color: "#e0e0e0" } },
  } as const;
  return {
    xAxis: {
      ...both,
      name: "percentile (share of calls, %)",
      nameGap: 38,
      type: "value",
      min: 0,
      max: steps,
      interval: 1,
      axisTick: { customValues: ticks },
      axisLabel: { fontSize: 13, customValues: ticks, formatter: percentAt },
    },
    yAxis: {
      ...both,
      name: "latency (µs, logarithmic)",
      nameGap: 56,
      type: "log",
      minorSplitLine: { show: true, lineStyle: { color: "#f4f4f4" } },
      axisLabel: { fontSize: 13, formatter: (us: number) => us.toLocaleString("en") },
    },
  };
}

/** A curve with its marked percentiles. */
function line({ name, sorted }: Curve, _index: number, all: Curve[]) {
  const label = { color: "inherit", fontSize: 13, fontWeight: "bold", distance: 8 } as const;
  // A steep curve passes behind its label.
  const halo = { textBorderColor: "#ffffff", textBorderWidth: 4 };
  const marks = marked.map((percent) => {
    const us = percentileOf(sorted, percent);
    // Above the slowest curve and below the others, so that no two labels meet.
    const slowest = all.every((other) => percentileOf(other.sorted, percent) <= us);
    const position = slowest ? "top" as const : "bottom" as const;
    const [mark, formatter] = [`p${percent}`, `p${percent}  ${microseconds(us)} µs`];
    const coord = [positionOf(percent), us];
    return { name: mark, coord, label: { ...label, ...halo, position, formatter } };
  });
  const markPoint = { symbol: "circle", symbolSize: 9, data: marks };
  const data = curve(sorted);
  return {
    name,
    type: "line" as const,
    data,
    showSymbol: false,
    lineStyle: { width: 2.5 },
    markPoint,
  };
}

/** Formats three significant digits: 0.213, 1.05, 38.2, 1240. */
function microseconds(us: number): string {
  return us >= 1000 ? us.toFixed(0) : us.toPrecision(3);
}
