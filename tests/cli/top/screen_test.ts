/** The screen of `rfaas top`, without a terminal: each size, each state, each key. */

import { assert, assertEquals } from "@std/assert";
import { COLUMN_COUNTS, type ScreenContent, screenOf } from "../../../cli/top/screen.ts";
import { ShownCluster } from "../../../cli/top/shown_state.ts";
import { afterKey, FIRST_VIEW, type View } from "../../../cli/top/view.ts";
import type { ShownChange } from "../../../manager/resource/ui/shown_cluster.ts";
import { HOSTILE_CHANGE } from "../../support/manager/shown_feed.ts";

const NO_NODES: ShownChange = {
  ...HOSTILE_CHANGE,
  totals: { ...HOSTILE_CHANGE.totals, nodes: { up: 0, draining: 0, lost: 0 }, cores: 0 },
  nodes: [],
  leases: [],
  waiting: [],
};
const [NODE] = HOSTILE_CHANGE.nodes;
/** Nodes n1 to n40, each with a lease of its own; the last one is lost. */
const MANY: ShownChange = {
  ...HOSTILE_CHANGE,
  totals: { ...HOSTILE_CHANGE.totals, nodes: { up: 39, draining: 0, lost: 1 }, waiting: 0 },
  nodes: Array.from({ length: 40 }, (_, i) => ({
    ...NODE!,
    node: `${i}`,
    name: `n${i + 1}`,
    state: i === 39 ? "lost" : "up",
    lastSeenMs: i === 39 ? HOSTILE_CHANGE.nowMs - 5000 : null,
    parts: [i + 1, 2, 1, i, 50, i === 0 ? -1 : 1000 * i],
  })),
  leases: Array.from({ length: 40 }, (_, i) => ({
    ...HOSTILE_CHANGE.leases[0]!,
    key: i + 1,
    lease: `${i + 1}`.padStart(32, "0"),
    client: i % 2 === 0 ? "ada" : "grace",
    workers: 2,
  })),
  waiting: [],
};

function contentOf(change: ShownChange | undefined, view: View = FIRST_VIEW): ScreenContent {
  const cluster = new ShownCluster();
  if (change !== undefined) cluster.apply(change);
  return { url: "http://127.0.0.1:7400", state: cluster.state(), away: undefined, view };
}

const size = (columns: number, rows: number, isUtf8 = true) => ({ columns, rows, isUtf8 });
// deno-lint-ignore no-control-regex -- the colors
const withoutColors = (line: string) => line.replaceAll(/\x1b\[\d+m/g, "");
const linesOf = (content: ScreenContent, columns: number, rows: number) =>
  screenOf(content, size(columns, rows)).lines.map(withoutColors);

Deno.test("`screenOf()` never has more than the terminal holds, nor a character that it acts on", () => {
  const away = { reason: "Cannot reach \x1b[2J\u202e", forMs: 12_000 };
  const views = [FIRST_VIEW, { ...FIRST_VIEW, pane: "waiting" as const, isTyping: true }];
  for (const change of [undefined, NO_NODES, HOSTILE_CHANGE, MANY]) {
    for (const view of views) {
      for (const content of [contentOf(change, view), { ...contentOf(change, view), away }]) {
        for (const columns of [1, 2, 7, 29, 30, 80, 200]) {
          for (const rows of [1, 2, 3, 5, 8, 24, 60]) {
            const { lines } = screenOf(content, size(columns, rows, false));
            assert(lines.length <= rows, `${lines.length} lines in ${rows}`);
            for (const line of lines.map(withoutColors)) {
              assert(line.length <= columns, `${line.length} in ${columns}: ${line}`);
              assert(/^[\x20-\x7e]*$/.test(line), JSON.stringify(line));
            }
          }
        }
      }
    }
  }
});

Deno.test("`screenOf()` shows what there is none of, and since when the stream is away", () => {
  assertEquals(linesOf(contentOf(undefined), 40, 5).at(0)!.trimEnd().endsWith("connecting"), true);
  const none = linesOf(contentOf(NO_NODES), 80, 24);
  assertEquals(none.filter((line) => line === "none").length, 2);
  const away = { reason: "Cannot follow cluster: it is gone", forMs: 12_400 };
  const lines = linesOf({ ...contentOf(MANY), away }, 80, 24);
  assertEquals(lines[0], "AWAY for 12s: Cannot follow cluster: it is gone");
  assert(lines.some((line) => line.startsWith("n1 ")), "the last state stays");
});

Deno.test("`screenOf()` leaves out columns of a narrow terminal, and none of a wide one", () => {
  const headOf = (columns: number) =>
    linesOf(contentOf(MANY), columns, 24).find((line) => line.startsWith("NODEv"))!;
  assertEquals(headOf(30).split(/ +/).slice(0, 3), ["NODEv", "STATE", "ALLOC"]);
  assertEquals(headOf(200).split(/ +/).slice(0, COLUMN_COUNTS.nodes).at(-1), "SEEN");
});

Deno.test("keys scroll, sort, filter and change the table", () => {
  let view: View | undefined = FIRST_VIEW;
  const shown = { pageRows: 5, columns: COLUMN_COUNTS };
  const screen = () => {
    const { lines, view: scrolled } = screenOf(contentOf(MANY, view), size(120, 20));
    view = scrolled;
    return lines.map(withoutColors);
  };
  const press = (...names: string[]) => {
    for (const name of names) view = afterKey(view!, { name, sequence: name }, shown);
    return screen();
  };
  /** The first row of the table with this head. */
  const firstOf = (lines: string[], head: string) =>
    lines[lines.findIndex((line) => line.startsWith(head)) + 1]!.split(" ")[0];
  assertEquals(firstOf(screen(), "NODE"), "n1");
  assertEquals(firstOf(press("down", "down"), "NODE"), "n3");
  assertEquals(firstOf(press("home", "pagedown"), "NODE"), "n6");
  const end = press("end");
  assert(end.some((line) => line.startsWith("n40 ")), end.join("\n"));
  assert(
    firstOf(press("up"), "NODE") !== firstOf(end, "NODE"),
    "a key after the end has an effect",
  );
  assertEquals(firstOf(press("home", "r"), "NODE"), "n40");
  // By the calls a second, where the lost one without any is last.
  assertEquals(firstOf(press(...Array<string>(7).fill("right")), "NODE"), "n40");
  assertEquals(firstOf(press("r"), "NODE"), "n1");
  assertEquals(firstOf(press("left", "right", "tab"), "LEASE"), "00000000");
  const typed = press("/", "g", "r", "x", "backspace");
  assertEquals(typed.at(-1), "Filter: gr_");
  assert(
    typed.some((line) => / 20 of 40/.test(line) || / of 20 of 40/.test(line)),
    typed.join("\n"),
  );
  assertEquals(typed.filter((line) => / ada /.test(line)), []);
  assert(press("return").at(-1)!.includes("Filter: gr (Esc clears)"));
  assert(press("escape").some((line) => / ada /.test(line)));
  assertEquals(afterKey(view!, { name: "q" }, shown), undefined);
  assertEquals(afterKey({ ...view!, isTyping: true }, { name: "c", ctrl: true }, shown), undefined);
  assertEquals(
    afterKey({ ...view!, isTyping: true }, { sequence: "\x1b[200~" }, shown)!.filter,
    "",
  );
});
