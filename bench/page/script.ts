/**
 * Runs in the page. Draws each chart into the element with its id, and again when the window or its colors change.
 *
 * @module
 */
import { init } from "../../examples/shared/echarts.ts";
import type { Row } from "../rows.ts";
import type { Browser } from "./browser.ts";
import { CHARTS } from "./charts.ts";
import { DARK, LIGHT } from "./look.ts";

/** A chart with fewer pixels is narrow. */
const NARROW_PX = 480;

const browser = globalThis as unknown as Browser;
const rows = JSON.parse(browser.document.getElementById("rows")!.textContent!) as Row[];
const dark = browser.matchMedia("(prefers-color-scheme: dark)");
let drawn: { dispose(): void }[] = [];

function draw(): void {
  for (const chart of drawn) chart.dispose();
  drawn = [];
  for (const { id, option } of CHARTS) {
    const element = browser.document.getElementById(id);
    if (!element) continue; // there are no rows for it
    const chart = init(element as never, null, { renderer: "svg" });
    chart.setOption(
      option(rows, {
        ...(dark.matches ? DARK : LIGHT),
        width: element.clientWidth,
        narrow: element.clientWidth < NARROW_PX,
      }),
    );
    drawn.push(chart);
  }
}

draw();
dark.addEventListener("change", draw);
let resized: ReturnType<typeof setTimeout> | undefined;
browser.addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(draw, 100);
});
