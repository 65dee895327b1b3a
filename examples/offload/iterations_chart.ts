/** Draws the time of each iteration and the share that was offloaded, as an SVG. */

import { CHART_TEXT, svgOf } from "../shared/svg_chart.ts";
import type { Iteration } from "./ranks.ts";

const AXIS = { nameLocation: "middle", nameGap: 48 } as const;

/** @param drainedAt the iteration in which the node began to drain. */
export function iterationsChart(iterations: readonly Iteration[], drainedAt: number): string {
  return svgOf({
    color: ["#0072b2", "#d55e00"],
    title: {
      text: "Iterations of a parallel program that offloads",
      subtext: "A node drains in mid-iteration: its share is computed again, and the lease moves",
      left: 24,
      top: 14,
      textStyle: { ...CHART_TEXT, fontSize: 20 },
      subtextStyle: { ...CHART_TEXT, fontSize: 13, color: "#666666" },
    },
    legend: { left: 24, bottom: 10, textStyle: CHART_TEXT },
    grid: { left: 80, right: 80, top: 96, bottom: 90 },
    xAxis: { type: "value", name: "iteration", nameLocation: "middle", nameGap: 28 },
    yAxis: [
      { ...AXIS, type: "log", name: "time of an iteration, ms (logarithmic)" },
      { ...AXIS, type: "value", name: "share offloaded, %", min: 0, max: 100 },
    ],
    series: [
      {
        name: "time",
        type: "line",
        showSymbol: false,
        data: iterations.map(({ ms }, i) => [i, ms]),
        markLine: {
          silent: true,
          symbol: ["none", "none"],
          lineStyle: { color: "#333333", type: "dashed" },
          label: { formatter: "the node drains" },
          data: [{ xAxis: drainedAt }],
        },
      },
      {
        name: "share",
        type: "line",
        showSymbol: false,
        yAxisIndex: 1,
        data: iterations.map(({ share }, i) => [i, 100 * share]),
      },
    ],
  }, { width: 1000, height: 520 });
}
