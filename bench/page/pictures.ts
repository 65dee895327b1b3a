/** The charts of the page as SVG files. */

import { svgOf } from "../../examples/shared/svg_chart.ts";
import { describeRun, type Machine } from "../machine.ts";
import type { Row } from "../rows.ts";
import { type Chart, rowsOf } from "./chart.ts";
import { CHARTS } from "./charts.ts";
import { FONT, LIGHT } from "./look.ts";

/** In pixels. */
const WIDTH = 1000;
const TITLE = 44;
const LINE = 17;
/** It covers the error of the names' width, which is an estimate without a browser. */
const LEGEND_GAP = 36;
/** Letters of a line of text. */
const LETTERS = 140;

/** Writes a file for each chart that has rows: its id, and `.svg`. */
export async function writePictures(
  folder: string,
  machine: Machine,
  rows: readonly Row[],
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const chart of CHARTS) {
    const own = rowsOf(chart, rows);
    if (own.length === 0) continue;
    await Deno.writeTextFile(`${folder}/${chart.id}.svg`, pictureOf(chart, machine, own));
  }
}

/** Returns the chart with its texts above it, and the host and the sources below it. */
export function pictureOf(chart: Chart, machine: Machine, rows: readonly Row[]): string {
  const look = { ...LIGHT, width: WIDTH, narrow: false, legendGap: LEGEND_GAP };
  const option = chart.option(rows, look);
  const above = [chart.finding?.(rows), chart.text].flatMap((text) => text ? wrapped(text) : []);
  const below = [describeRun(machine), chart.source].flatMap((text) => text ? wrapped(text) : []);
  const [top, bottom] = [TITLE + LINE * above.length + 10, LINE * below.length + 14];
  const { grid, legend } = option as { grid: Sides; legend: Sides };
  const height = top + chart.height(rows) + bottom;
  return svgOf({
    ...option,
    backgroundColor: LIGHT.background,
    title: {
      text: chart.title,
      subtext: above.join("\n"),
      left: 20,
      top: 10,
      textStyle: { color: LIGHT.text, fontFamily: FONT, fontSize: 19 },
      subtextStyle: { color: LIGHT.faint, fontFamily: FONT, fontSize: 13, lineHeight: LINE },
    },
    legend: { ...legend, bottom: legend.bottom + bottom },
    grid: { ...grid, top: grid.top + top, bottom: grid.bottom + bottom },
    graphic: {
      type: "text",
      left: 25,
      bottom: 10,
      style: {
        text: below.join("\n"),
        fill: LIGHT.faint,
        font: `12px ${FONT}`,
        lineHeight: LINE,
      },
    },
  }, { width: WIDTH, height });
}

/** The part of a grid and of a legend that is moved. */
interface Sides {
  readonly top: number;
  readonly bottom: number;
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > LETTERS) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
