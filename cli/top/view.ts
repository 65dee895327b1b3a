/** What the user has chosen to see, and what each key changes of it. */

import { FIRST_SORT } from "./columns.ts";

/** The tables of the screen. */
export const PANES = ["nodes", "leases", "waiting"] as const;
export type Pane = (typeof PANES)[number];

/** A key, as node:readline names it. */
export interface Key {
  readonly name?: string | undefined;
  /** The characters that were typed. */
  readonly sequence?: string | undefined;
  readonly ctrl?: boolean | undefined;
  readonly meta?: boolean | undefined;
  readonly shift?: boolean | undefined;
}

/** How one table is shown. */
export interface PaneView {
  /** The number of the column that it is sorted by. */
  readonly column: number;
  readonly isReversed: boolean;
  /** The number of the first row. */
  readonly top: number;
}

/** What the user has chosen. */
export interface View {
  readonly pane: Pane;
  readonly panes: Readonly<Record<Pane, PaneView>>;
  /** Rows without this text are left out, in all tables. */
  readonly filter: string;
  /** Whether keys are added to the filter. */
  readonly isTyping: boolean;
}

/** The longest filter: names have 128 characters at most. */
const MAX_FILTER = 128;

/** What is shown before the first key. */
export const FIRST_VIEW: View = {
  pane: "nodes",
  panes: {
    nodes: sortedBy(FIRST_SORT.nodes),
    leases: sortedBy(FIRST_SORT.leases),
    waiting: sortedBy(FIRST_SORT.waiting),
  },
  filter: "",
  isTyping: false,
};

function sortedBy(column: number): PaneView {
  return { column, isReversed: false, top: 0 };
}

/** What the keys need of the last screen. */
export interface Shown {
  /** The rows of the chosen table that fit on the screen. */
  readonly pageRows: number;
  /** How many columns each table has. */
  readonly columns: Readonly<Record<Pane, number>>;
}

/** Returns the view after a key; undefined if the key ends the command. */
export function afterKey(view: View, key: Key, shown: Shown): View | undefined {
  if (key.ctrl && (key.name === "c" || key.name === "d")) return undefined;
  if (view.isTyping) return afterTyping(view, key);
  const { pane, panes } = view;
  const { column, top, isReversed } = panes[pane];
  const of = (change: Partial<PaneView>): View => ({
    ...view,
    panes: { ...panes, [pane]: { ...panes[pane], ...change } },
  });
  const columns = shown.columns[pane];
  switch (key.name ?? key.sequence) {
    case "q":
      return undefined;
    case "tab":
      return { ...view, pane: nextPane(pane, key.shift ? -1 : 1) };
    case "right":
    case "l":
      return of({ column: (column + 1) % columns, isReversed: false, top: 0 });
    case "left":
    case "h":
      return of({ column: (column + columns - 1) % columns, isReversed: false, top: 0 });
    case "r":
      return of({ isReversed: !isReversed, top: 0 });
    case "down":
    case "j":
      return of({ top: top + 1 });
    case "up":
    case "k":
      return of({ top: Math.max(0, top - 1) });
    case "pagedown":
    case "space":
      return of({ top: top + shown.pageRows });
    case "pageup":
      return of({ top: Math.max(0, top - shown.pageRows) });
    case "home":
      return of({ top: 0 });
    case "end":
      return of({ top: Number.MAX_SAFE_INTEGER });
    case "/":
      return { ...view, isTyping: true };
    case "escape":
      return { ...view, filter: "" };
    default:
      return view;
  }
}

function afterTyping(view: View, { name, sequence = "", ctrl, meta }: Key): View {
  const to = (filter: string): View => ({ ...view, filter });
  if (name === "return" || name === "enter") return { ...view, isTyping: false };
  if (name === "escape") return { ...view, filter: "", isTyping: false };
  if (name === "backspace") return to(view.filter.slice(0, -1));
  if (ctrl && name === "u") return to("");
  const isText = !ctrl && !meta && /^[\x20-\x7e]$/.test(sequence);
  return isText && view.filter.length < MAX_FILTER ? to(view.filter + sequence) : view;
}

function nextPane(pane: Pane, by: number): Pane {
  return PANES[(PANES.indexOf(pane) + by + PANES.length) % PANES.length]!;
}
