/** A page with charts of all rows. It loads nothing: script, style and data are part of it. */

import { escape } from "@std/html";
import { sizeText } from "../../cli/quantity_text.ts";
import { bundleModule } from "../../runtime/package/bundle.ts";
import { describeRun, type Machine } from "../machine.ts";
import type { Row } from "../rows.ts";
import { type Chart, rowsOf } from "./chart.ts";
import { CHARTS } from "./charts.ts";
import { headlines } from "./headlines.ts";
import { DARK, formatUs, LIGHT, type Palette } from "./look.ts";

/**
 * @param skipped What this host could not measure, each with the reason.
 * @throws {LeaseRefusedError} If the script cannot be bundled.
 */
export async function benchPage(
  machine: Machine,
  rows: readonly Row[],
  skipped: readonly string[] = [],
): Promise<string> {
  const script = await bundleModule(new URL("./script.ts", import.meta.url));
  const charts = CHARTS.filter((chart) => rowsOf(chart, rows).length > 0);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<title>rfaas benchmark</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>rfaas benchmark</h1>
<p>${escape(describeRun(machine))}</p>
${skipped.length === 0 ? "" : `<p>Not measured: ${escape(skipped.join("; "))}</p>`}
</header>
${headlineList(rows)}
<main>
${charts.map((chart) => section(chart, rowsOf(chart, rows))).join("\n")}
</main>
<details>
<summary>All figures</summary>
<div class="table">${table(rows)}</div>
</details>
<footer>Compare only figures of the same run, in which the contenders took turns: the speed of a host varies over time.</footer>
<script type="application/json" id="rows">${
    JSON.stringify(rows).replaceAll("<", "\\u003c")
  }</script>
<script type="module">${inScript(new TextDecoder().decode(script))}</script>
</body>
</html>
`;
}

function section(chart: Chart, rows: readonly Row[]): string {
  const finding = chart.finding?.(rows);
  return `<section>
<h2>${escape(chart.title)}</h2>
${finding === undefined ? "" : `<p class="finding">${escape(finding)}</p>`}
<p>${escape(chart.text)}</p>
<div class="chart" id="${chart.id}" style="height: ${
    chart.height(rows)
  }px" role="img" aria-label="${escape(chart.title)}"></div>
${chart.source === undefined ? "" : `<p class="source">${escape(chart.source)}</p>`}
</section>`;
}

function headlineList(rows: readonly Row[]): string {
  const items = headlines(rows).map(({ figure, text }) =>
    `<li><b>${escape(figure)}</b><span>${escape(text)}</span></li>`
  );
  return items.length === 0 ? "" : `<ul class="headlines">${items.join("")}</ul>`;
}

function table(rows: readonly Row[]): string {
  const head = ["suite", "path", "size", "n", "min", "p50", "p90", "p99", "p99.9", "per second"];
  const lines = rows.map((row) => [
    row.suite,
    row.path,
    sizeText(row.bytes),
    row.n.toLocaleString("en"),
    ...[row.min_us, row.p50_us, row.p90_us, row.p99_us, row.p999_us].map(formatUs),
    row.per_second.toLocaleString("en"),
  ]);
  const cells = (tag: string, line: readonly string[]) =>
    `<tr>${line.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join("")}</tr>`;
  return `<table><thead>${cells("th", head)}</thead><tbody>${
    lines.map((line) => cells("td", line)).join("")
  }</tbody></table>`;
}

/** Escapes code so that it cannot end its element. Texts and patterns keep their meaning. */
function inScript(text: string): string {
  return text.replaceAll("</", "<\\/").replaceAll("<!--", "<\\!--");
}

const colors = ({ text, faint, grid, background, own }: Palette) =>
  `--text: ${text}; --faint: ${faint}; --grid: ${grid}; --background: ${background}; --own: ${
    own[0]
  };`;

const STYLE = `
:root { ${colors(LIGHT)} }
@media (prefers-color-scheme: dark) { :root { ${colors(DARK)} } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1280px; padding: 24px clamp(12px, 3vw, 40px); background: var(--background);
  color: var(--text); font: 15px/1.45 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { margin: 0; font-size: 28px; }
h2 { margin: 0 0 4px; font-size: 19px; }
p { margin: 0 0 8px; color: var(--faint); }
main { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 540px), 1fr)); gap: 36px 32px; }
section { min-width: 0; }
section:first-child { grid-column: 1 / -1; }
.chart { width: 100%; }
.finding { color: var(--text); font-weight: 600; }
.source { font-size: 13px; }
.headlines { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px; margin: 20px 0 32px;
  padding: 0; list-style: none; }
.headlines li { padding: 12px 14px; border: 1px solid var(--grid); border-radius: 10px; }
.headlines b { display: block; color: var(--own); font-size: 26px; line-height: 1.2; }
.headlines span { color: var(--faint); font-size: 13px; }
details { margin-top: 36px; }
summary { cursor: pointer; font-weight: 600; }
.table { overflow-x: auto; margin-top: 12px; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: 3px 10px; text-align: right; border-bottom: 1px solid var(--grid); }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
footer { margin-top: 28px; color: var(--faint); font-size: 13px; }
`;
