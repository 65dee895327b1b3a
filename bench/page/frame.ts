/** What all charts have in common. */

import type { EChartsOption } from "../../examples/demo/echarts.ts";
import { FONT, type Look } from "./look.ts";

/** Of the legend, in pixels: its symbols, the gaps around them, its lines, and a letter about. */
const SYMBOL = 22;
const GAP = 14;
const LINE = 24;
const LETTER = 7;

/** What a tooltip says, and how it points. */
export type Tooltip = Exclude<EChartsOption["tooltip"], readonly unknown[] | undefined>;

/** Around the plot; the legend stands below it, where there is always room. */
export function frame(look: Look, names: readonly string[], tooltip: Tooltip): EChartsOption {
  const legendWidth = 0.94 * look.width;
  const lines = names.length > 1 ? legendLines(names, legendWidth) : 0;
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
      itemGap: GAP,
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
      left: 36, // the axis has its name there
      right: look.narrow ? 18 : 28,
      top: 16,
      bottom: 36 + LINE * lines,
      containLabel: true,
    },
  };
}

/** How many lines the library will break the legend into. */
function legendLines(names: readonly string[], width: number): number {
  let lines = 1;
  let used = 0;
  for (const name of names) {
    const needed = SYMBOL + GAP + 5 + LETTER * name.length;
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
  readonly say: (value: number) => string;
  /** From the axis to its name, in pixels. @default 34 */
  readonly gap?: number;
}

/** An axis of values, with its name in the middle. */
export function valueAxis(look: Look, { name, say, gap = 34 }: AxisOptions) {
  const plain = categoryAxis(look);
  return {
    ...plain,
    name,
    nameLocation: "middle" as const,
    nameGap: gap,
    nameTextStyle: { color: look.faint, fontSize: 13 },
    splitLine: { show: true, lineStyle: { color: look.grid } },
    axisLabel: { ...plain.axisLabel, formatter: say },
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

/** Is it rfaas, the floor, or another? */
export function kindOf(path: string): "own" | "floor" | "other" {
  if (path.startsWith("rfaas")) return "own";
  return /^(ping-pong|raw|two bare)/.test(path) ? "floor" : "other";
}

/** The line of each path: rfaas stands out, the floor is grey and broken, others are thin. */
export function lineStyles(look: Look, paths: readonly string[]) {
  const seen = { own: 0, floor: 0, other: 0 };
  return new Map(paths.map((path) => {
    const kind = kindOf(path);
    const at = seen[kind]++;
    const of = (colours: readonly string[]) => colours[at % colours.length]!;
    const colour = kind === "own" ? of(look.own) : kind === "floor" ? look.floor : of(look.others);
    const type = kind !== "floor"
      ? "solid" as const
      : at === 0
      ? "dashed" as const
      : "dotted" as const;
    return [path, { color: colour, width: kind === "own" ? 3.5 : 1.8, type }];
  }));
}
