/**
 * Draws how long calls took, as an SVG that any browser shows. The horizontal axis is stretched towards
 * 100 %, so that the slowest call in ten thousand is as easy to see as the median: a curve that stays flat
 * far to the right is a call whose time can be relied on.
 *
 * @module
 */
import { type EChartsOption, init } from "./echarts.ts";
import { curve, percentAt, positionOf } from "./percentile_axis.ts";
import { percentileOf } from "./percentiles.ts";

/** What {@link latencyChart} draws. */
export interface LatencyChart {
  /** Stands above the chart. */
  title: string;
  /** One curve each. The values are microseconds in any order, which is left as it is. */
  series: { name: string; valuesUs: Float64Array }[];
}

/** Of the picture, in pixels. */
const size = { width: 1000, height: 600 };

/** One a curve; the colour-blind can tell them apart (Okabe and Ito's set). */
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

/** Percentiles whose values are written at the curves. */
const marked = [50, 99, 99.9];

/** The least time that a logarithmic axis is asked to show: a coarse clock may measure 0. */
const leastUs = 0.001;

const text = { fontFamily: "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif", color: "#333333" };

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
    return { name, sorted: valuesUs.map((us) => Math.max(us, leastUs)).sort() };
  });
  const chart = init(null, null, { renderer: "svg", ssr: true, ...size });
  try {
    chart.setOption({ ...frame(title), ...axes(curves), series: curves.map(line) });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

/** All that stands around the plot. */
function frame(title: string): EChartsOption {
  return {
    animation: false, // the picture has to be right without a script that plays it
    backgroundColor: "#ffffff",
    color: colours,
    textStyle: text,
    title: {
      text: title,
      subtext:
        "How to read it: of all calls, the share below took no longer than the time at the left",
      left: 24,
      top: 16,
      textStyle: { ...text, fontSize: 20 },
      subtextStyle: { ...text, fontSize: 13, color: "#666666" },
    },
    // The gap makes up for the width of the names, which is only guessed without a browser.
    legend: {
      right: 32,
      top: 20,
      icon: "roundRect",
      itemGap: 40,
      textStyle: { ...text, fontSize: 14 },
    },
    grid: { left: 88, right: 40, top: 96, bottom: 72 },
  };
}

/** Percentiles to the right, as far as the longest series tells them apart; times upwards. */
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
  // Where a curve is steep it passes behind its label.
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

/** Three digits that count: 0.213, 1.05, 38.2, 1240. */
function microseconds(us: number): string {
  return us >= 1000 ? us.toFixed(0) : us.toPrecision(3);
}
