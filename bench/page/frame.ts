/** The common parts of all charts. */

import type { EChartsOption } from "../../examples/shared/echarts.ts";
import { FONT, type Look } from "./look.ts";

/** Sizes of the legend in pixels: a symbol, a gap, a line, and approximately a letter. */
const SYMBOL = 22;
const GAP = 14;
const LINE = 24;
const LETTER = 7;

/** The text and the pointer of a tooltip. */
export type Tooltip = Exclude<EChartsOption["tooltip"], readonly unknown[] | undefined>;

/** Returns everything around the plot. The legend is below it, where there is always space. */
export function frame(look: Look, names: readonly string[], tooltip: Tooltip): EChartsOption {
  const legendWidth = 0.94 * look.width;
  const gap = look.legendGap ?? GAP;
  const lines = names.length > 1 ? legendLines(names, legendWidth, gap) : 0;
  return {
    animation: false,
    backgroundColor: "transparent",
    textStyle: { fontFamily: FONT, color: look.text },
    legend: {
      show: lines > 0,
      data: [...names],
      bottom: 0,
      left: "center",
      width: legendWidth,
      itemWidth: SYMBOL,
      itemGap: gap,
      textStyle: { color: look.text, fontSize: 12 },
    },
    tooltip: {
      trigger: "axis",
      backgroundColor: look.background,
      borderColor: look.grid,
      textStyle: { color: look.text, fontSize: 13 },
      confine: true,
      ...tooltip,
    },
    grid: {
      left: 36, // for the name of the axis
      right: look.narrow ? 18 : 28,
      top: 16,
      bottom: 36 + (LINE + gap - GAP) * lines,
      containLabel: true,
    },
  };
}

/** The number of lines into which the library breaks the legend. */
function legendLines(names: readonly string[], width: number, gap: number): number {
  let lines = 1;
  let used = 0;
  for (const name of names) {
    const needed = SYMBOL + gap + 5 + LETTER * name.length;
    if (used > 0 && used + needed > width) {
      lines++;
      used = 0;
    }
    used += needed;
  }
  return lines;
}

export interface AxisOptions {
  readonly name: string;
  readonly format: (value: number) => string;
  /** The distance from the axis to its name, in pixels. @default {34} */
  readonly gap?: number;
}

/** An axis of values, with its name in the middle. */
export function valueAxis(look: Look, { name, format, gap = 34 }: AxisOptions) {
  const plain = categoryAxis(look);
  return {
    ...plain,
    name,
    nameLocation: "middle" as const,
    nameGap: gap,
    nameTextStyle: { color: look.faint, fontSize: 13 },
    splitLine: { show: true, lineStyle: { color: look.grid } },
    axisLabel: { ...plain.axisLabel, formatter: format },
  };
}

/** An axis of names. */
export function categoryAxis(look: Look) {
  return {
    axisLine: { show: true, lineStyle: { color: look.faint } },
    axisTick: { show: false },
    splitLine: { show: false },
    axisLabel: { color: look.text, fontSize: look.narrow ? 11 : 12, hideOverlap: true },
  };
}

/** Whether a path is rfaas, the floor, or another transport. */
export function kindOf(path: string): "own" | "floor" | "other" {
  if (path.startsWith("rfaas")) return "own";
  return /^(ping-pong|raw|two bare)/.test(path) ? "floor" : "other";
}

/** Returns the line of each path: wide for rfaas, gray and broken for the floor, thin for others. */
export function lineStyles(look: Look, paths: readonly string[]) {
  const counts = { own: 0, floor: 0, other: 0 };
  return new Map(paths.map((path) => {
    const kind = kindOf(path);
    const at = counts[kind]++;
    const of = (colors: readonly string[]) => colors[at % colors.length]!;
    const color = kind === "own" ? of(look.own) : kind === "floor" ? look.floor : of(look.others);
    const type = kind !== "floor"
      ? "solid" as const
      : at === 0
      ? "dashed" as const
      : "dotted" as const;
    return [path, { color: color, width: kind === "own" ? 3.5 : 1.8, type }];
  }));
}
