/**
 * The files of the dashboard, as texts in the module graph: they need no permission to be read, and are there wherever
 * the modules come from.
 */
import { createHash } from "node:crypto";
import page from "./page/index.html" with { type: "text" };
import style from "./page/style.css" with { type: "text" };
import frameStyle from "./page/frame.css" with { type: "text" };
import viewStyle from "./page/views.css" with { type: "text" };
import chartStyle from "./page/charts.css" with { type: "text" };
import heatMapStyle from "./page/heat_map.css" with { type: "text" };
import narrowStyle from "./page/narrow.css" with { type: "text" };
import icon from "./page/icon.svg" with { type: "text" };
import app from "./page/app.js" with { type: "text" };
import client_colors from "./page/client_colors.js" with { type: "text" };
import confirm from "./page/confirm.js" with { type: "text" };
import event_feed from "./page/event_feed.js" with { type: "text" };
import event_text from "./page/event_text.js" with { type: "text" };
import events from "./page/events.js" with { type: "text" };
import node_actions from "./page/node_actions.js" with { type: "text" };
import queue from "./page/queue.js" with { type: "text" };
import bill_sums from "./page/bill_sums.js" with { type: "text" };
import bills from "./page/bills.js" with { type: "text" };
import chart from "./page/chart.js" with { type: "text" };
import leases from "./page/leases.js" with { type: "text" };
import load from "./page/load.js" with { type: "text" };
import cluster from "./page/cluster.js" with { type: "text" };
import format from "./page/format.js" with { type: "text" };
import heat_map from "./page/heat_map.js" with { type: "text" };
import header from "./page/header.js" with { type: "text" };
import html from "./page/html.js" with { type: "text" };
import htm from "./page/htm.js" with { type: "text" };
import legend from "./page/legend.js" with { type: "text" };
import narrow from "./page/narrow.js" with { type: "text" };
import panel from "./page/panel.js" with { type: "text" };
import preact from "./page/preact.js" with { type: "text" };
import repeat from "./page/repeat.js" with { type: "text" };
import rows from "./page/rows.js" with { type: "text" };
import session from "./page/session.js" with { type: "text" };
import sign_in from "./page/sign_in.js" with { type: "text" };
import start_counts from "./page/start_counts.js" with { type: "text" };
import starts from "./page/starts.js" with { type: "text" };
import stream from "./page/stream.js" with { type: "text" };
import summary from "./page/summary.js" with { type: "text" };
import theme from "./page/theme.js" with { type: "text" };
import topology from "./page/topology.js" with { type: "text" };
import views from "./page/views.js" with { type: "text" };
import waterfall from "./page/waterfall.js" with { type: "text" };

const SCRIPT = "text/javascript; charset=utf-8";
const STYLE = "text/css; charset=utf-8";

/** A file, with the headers of its response. */
interface Asset {
  readonly text: string;
  readonly headers: Readonly<Record<string, string>> & { readonly etag: string };
}

/** Nothing of another host, no inline script and no inline style; no page of another host may frame it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const SCRIPTS: Readonly<Record<string, string>> = {
  app,
  client_colors,
  confirm,
  event_feed,
  event_text,
  events,
  node_actions,
  queue,
  bill_sums,
  bills,
  chart,
  leases,
  load,
  cluster,
  format,
  heat_map,
  header,
  html,
  htm,
  legend,
  narrow,
  panel,
  preact,
  repeat,
  rows,
  session,
  sign_in,
  start_counts,
  starts,
  stream,
  summary,
  theme,
  topology,
  views,
  waterfall,
};

const ASSETS: ReadonlyMap<string, Asset> = new Map([
  ["", { text: page, headers: headersOf(page, "text/html; charset=utf-8") }],
  ...Object.entries({
    style,
    frame: frameStyle,
    views: viewStyle,
    charts: chartStyle,
    heat_map: heatMapStyle,
    narrow: narrowStyle,
  }).map((
    [name, text],
  ): [string, Asset] => [`${name}.css`, { text, headers: headersOf(text, STYLE) }]),
  ["icon.svg", { text: icon, headers: headersOf(icon, "image/svg+xml") }],
  ...Object.entries(SCRIPTS).map(([name, text]): [string, Asset] => [
    `${name}.js`,
    { text, headers: headersOf(text, SCRIPT) },
  ]),
]);

/**
 * The response with a file of the dashboard; undefined if there is none of this name.
 *
 * @param known the header `If-None-Match`: the tags of what the browser has.
 */
export function assetResponse(name: string, known = ""): Response | undefined {
  const asset = ASSETS.get(name);
  if (asset === undefined) return undefined;
  const { text, headers } = asset;
  return known.includes(headers.etag)
    ? new Response(null, { status: 304, headers })
    : new Response(text, { headers });
}

function headersOf(text: string, type: string): Asset["headers"] {
  return {
    "content-type": type,
    "content-security-policy": POLICY,
    "cache-control": "no-cache",
    "etag": `"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"`,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
  };
}
