/** Draws charts as SVG, without a browser. */

import { type EChartsOption, init } from "./echarts.ts";

/** The font and the color of the texts of a chart. */
export const CHART_TEXT = {
  fontFamily: "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif",
  color: "#333333",
};

/** Returns the text of an SVG file. @param size In pixels. */
export function svgOf(
  option: EChartsOption,
  size: { readonly width: number; readonly height: number },
): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, ...size });
  try {
    chart.setOption({
      animation: false, // no script plays an animation in an SVG
      backgroundColor: "#ffffff",
      textStyle: CHART_TEXT,
      ...option,
    });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}
