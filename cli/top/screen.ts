/** The lines of the screen: totals, the tables that fit, and the keys. */

import { bold, cyan, dim, green, inverse, red, yellow } from "@std/fmt/colors";
import type { ShownTotals } from "../../manager/resource/ui/shown_cluster.ts";
import { durationText } from "../quantity_text.ts";
import { type Column, LEASE_COLUMNS, NODE_COLUMNS, WAITING_COLUMNS } from "./columns.ts";
import { sorted } from "./sorted.ts";
import type { ShownState } from "./shown_state.ts";
import { summaryOf } from "./summary.ts";
import { cut, fitTable, plainText } from "./table_lines.ts";
import { type Pane, PANES, type PaneView, type View } from "./view.ts";

/** What is drawn. */
export interface ScreenContent {
  /** The address of the resource manager. */
  readonly url: string;
  /** Undefined before the first change. */
  readonly state: ShownState | undefined;
  /** Why the stream is away, and for how long; undefined while it is not. */
  readonly away: { readonly reason: string; readonly forMs: number } | undefined;
  readonly view: View;
}

/** The size of the terminal, and whether it shows more than ASCII. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
  readonly isUtf8: boolean;
}

/** The lines, and what the next key needs of them. */
export interface Screen {
  readonly lines: readonly string[];
  /** The rows of the chosen table that are on the screen. */
  readonly pageRows: number;
  /** The view, with no table scrolled past its end. */
  readonly view: View;
}

const COLUMNS = { nodes: NODE_COLUMNS, leases: LEASE_COLUMNS, waiting: WAITING_COLUMNS };
/** The number of columns of each table. */
export const COLUMN_COUNTS = {
  nodes: NODE_COLUMNS.length,
  leases: LEASE_COLUMNS.length,
  waiting: WAITING_COLUMNS.length,
};
/** What fills a bar: cores that compute, poll, are allocated without use, and are free. */
const BLOCKS = { utf8: ["█", "▓", "░", "·"], ascii: ["#", "=", "-", "."] } as const;
const KEYS = "q quit  Tab table  Left/Right sort  r reverse  Up/Down scroll  / filter";

/** Lays out the screen. Each line has at most as many visible characters as the terminal has columns. */
export function screenOf(content: ScreenContent, size: ScreenSize): Screen {
  const { state, view } = content;
  const head = [titleLine(content, size.columns)];
  if (state === undefined) {
    return { lines: [...head, footer(view, size)].slice(-size.rows), pageRows: 1, view };
  }
  head.push(...summaryLines(state.totals, size));
  if (size.rows >= MIN_ROWS_WITH_GAP) head.push("");
  const panes = PANES.map((name) => openPane(name, state, view));
  const rows = share(Math.max(0, size.rows - head.length - 1), panes, view.pane);
  const scrolled = { ...view.panes };
  const body: string[] = [];
  let pageRows = 1;
  for (const pane of panes) {
    const height = rows[pane.name];
    if (height === 0) continue;
    const most = Math.max(0, pane.count - (height - 1));
    const shown = scrolled[pane.name] = { ...pane.view, top: Math.min(pane.view.top, most) };
    const isChosen = pane.name === view.pane;
    if (isChosen) pageRows = Math.max(1, height - 1);
    body.push(...pane.lines(shown, height, size, isChosen));
  }
  const fill = Math.max(0, size.rows - head.length - body.length - 1);
  const lines = [...head, ...body, ...Array<string>(fill).fill("")].slice(0, size.rows - 1);
  return {
    lines: [...lines, footer(view, size)].slice(-size.rows),
    pageRows,
    view: { ...view, panes: scrolled },
  };
}

/** A table, before its height is known. */
interface OpenPane {
  readonly name: Pane;
  readonly view: PaneView;
  readonly count: number;
  lines(view: PaneView, height: number, size: ScreenSize, isChosen: boolean): string[];
}

function openPane(name: Pane, state: ShownState, { panes, filter }: View): OpenPane {
  const open = <T>(columns: readonly Column<T>[], all: readonly T[], colored: Colored<T>) => {
    const rows = all.filter((row) => matches(columns, row, filter));
    return {
      name,
      view: panes[name],
      count: rows.length,
      lines: (view: PaneView, height: number, size: ScreenSize, isChosen: boolean) =>
        paneLines({ columns, rows, all: all.length, colored }, view, height, size, isChosen, state),
    };
  };
  if (name === "nodes") {
    return open(
      COLUMNS.nodes,
      state.nodes,
      (line, { state }) =>
        state === "lost" ? red(line) : state === "draining" ? yellow(line) : line,
    );
  }
  if (name === "leases") return open(COLUMNS.leases, state.leases, (line) => line);
  return open(COLUMNS.waiting, state.waiting, (line) => line);
}

type Colored<T> = (line: string, row: T) => string;

interface PaneRows<T> {
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  /** The number of rows without the filter. */
  readonly all: number;
  readonly colored: Colored<T>;
}

function paneLines<T>(
  { columns, rows, all, colored }: PaneRows<T>,
  { column, isReversed, top }: PaneView,
  height: number,
  { columns: width }: ScreenSize,
  isChosen: boolean,
  { nowMs }: ShownState,
): string[] {
  const by = columns[column]!;
  const shown = sorted(rows, by, isReversed).slice(top, top + height - 1);
  const arrow = isReversed ? "^" : "v";
  const headOf = (each: Column<T>) => isChosen && each === by ? `${each.head}${arrow}` : each.head;
  const { heads, lines } = fitTable(columns, shown, nowMs, width, headOf);
  const filtered = rows.length < all ? ` of ${all}` : "";
  const note = rows.length > shown.length
    ? `${top + 1}-${top + shown.length} of ${rows.length}${filtered}`
    : filtered === ""
    ? ""
    : `${rows.length}${filtered}`;
  const line = cut(heads.join("  ").trimEnd(), width);
  const free = width - line.length - note.length - 2;
  const head = free < 0 ? line.padEnd(width) : `${line}${" ".repeat(free + 1)}${note} `;
  return [
    isChosen ? inverse(head) : bold(head),
    ...(lines.length === 0 ? [dim(cut("none", width))] : []),
    ...lines.map((line, i) => colored(line, shown[i]!)),
  ].slice(0, height);
}

/** How many lines each table gets: the chosen one as many as it has use for, but none less than a share of its own. */
function share(
  lines: number,
  panes: readonly OpenPane[],
  chosen: Pane,
): Record<Pane, number> {
  const shares: Record<Pane, number> = { nodes: 0, leases: 0, waiting: 0 };
  const linesFor = (pane: OpenPane) =>
    pane.count === 0 && pane.name === "waiting" && chosen !== "waiting"
      ? 0
      : Math.max(1, pane.count) + 1;
  const others = panes.filter(({ name }) => name !== chosen && lines >= MIN_LINES * panes.length);
  let left = lines;
  for (const pane of others) {
    const own = Math.floor(lines / (panes.length + 1));
    left -= shares[pane.name] = Math.min(linesFor(pane), own);
  }
  const main = panes.find(({ name }) => name === chosen)!;
  left -= shares[chosen] = Math.min(linesFor(main), left);
  for (const pane of others) {
    const more = Math.min(linesFor(pane) - shares[pane.name], left);
    shares[pane.name] += more;
    left -= more;
  }
  return shares;
}

/** A smaller terminal has no empty line before the tables. */
const MIN_ROWS_WITH_GAP = 14;
/** A table with less lines than these is of no use beside the others. */
const MIN_LINES = 3;

function matches<T>(columns: readonly Column<T>[], row: T, filter: string): boolean {
  if (filter === "") return true;
  const text = filter.toLowerCase();
  return columns.some(({ by }) => {
    const value = by(row);
    return typeof value === "string" && value.toLowerCase().includes(text);
  });
}

function titleLine({ url, state, away }: ScreenContent, width: number): string {
  if (away !== undefined) {
    const text = plainText(`AWAY for ${durationText(away.forMs)}: ${away.reason}`);
    return bold(red(cut(text, width)));
  }
  const name = "rfaas top";
  const time = state === undefined
    ? "connecting"
    : new Date(state.nowMs).toISOString().slice(11, 19);
  const right = width >= name.length + time.length + 2 ? time : "";
  const middle = plainText(url).slice(0, Math.max(0, width - name.length - right.length - 4));
  const pad = " ".repeat(Math.max(0, width - name.length - 2 - middle.length - right.length));
  if (middle === "") return bold(cut(name, width));
  return `${bold(name)}  ${cyan(middle)}${pad}${dim(right)}`;
}

/** The totals, as many in a line as fit, and a bar of the cores. */
function summaryLines(totals: ShownTotals, { columns: width, rows, isUtf8 }: ScreenSize): string[] {
  const lines: { length: number; text: string }[] = [];
  for (const [name, text] of summaryOf(totals)) {
    const length = name.length + 1 + text.length;
    const item = length <= width
      ? `${dim(name)} ${colorOf(name, totals)(text)}`
      : cut(`${name} ${text}`, width);
    const last = lines.at(-1);
    if (last === undefined || last.length + 3 + length > width) {
      lines.push({ length: Math.min(length, width), text: item });
    } else {
      last.length += 3 + length;
      last.text += `   ${item}`;
    }
  }
  // A small terminal shows the first ones alone.
  const most = Math.max(1, Math.floor(rows / 4));
  return [...lines.slice(0, most).map(({ text }) => text), bar(totals, width, isUtf8)];
}

function colorOf(name: string, { nodes, waiting }: ShownTotals): (text: string) => string {
  if (name === "Nodes" && nodes.lost > 0) return red;
  return name === "Waiting" && waiting > 0 ? yellow : (text) => text;
}

function bar(totals: ShownTotals, width: number, isUtf8: boolean): string {
  const { cores, allocatedCores, computeCores, pollCores } = totals;
  const [compute, poll, allocated, free] = isUtf8 ? BLOCKS.utf8 : BLOCKS.ascii;
  const ends = [computeCores, computeCores + pollCores, allocatedCores, cores]
    .map((sum) => cores === 0 ? 0 : Math.round(width * Math.min(1, sum / cores)));
  const [a = 0, b = 0, c = 0] = ends;
  return green(compute.repeat(a)) + cyan(poll.repeat(Math.max(0, b - a))) +
    allocated.repeat(Math.max(0, c - Math.max(a, b))) + dim(free.repeat(width - Math.max(a, b, c)));
}

function footer({ filter, isTyping, pane, panes }: View, { columns: width }: ScreenSize): string {
  if (isTyping) return cut(`Filter: ${filter}_`, width);
  const { column, isReversed } = panes[pane];
  const by = `by ${COLUMNS[pane][column]!.head}${isReversed ? " reversed" : ""}`;
  const active = filter === "" ? "" : `  Filter: ${filter} (Esc clears)`;
  return dim(cut(`${by}${active}  ${KEYS}`, width));
}
