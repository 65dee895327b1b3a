/** `rfaas top` in a real terminal, which it restores however it ends. */

import { assertEquals, assertMatch } from "@std/assert";
import { needsTerminal, PseudoTerminal } from "../../support/processes/pseudo_terminal.ts";
import { HOSTILE_CHANGE, ShownFeed } from "../../support/manager/shown_feed.ts";
import { until } from "../../support/waiting.ts";

const CLI = new URL("../../../cli.ts", import.meta.url).pathname;
const COMMAND = [Deno.execPath(), "run", "--allow-all", "--quiet", CLI, "top"];
const ignore = needsTerminal !== "";

async function startTop(feed: ShownFeed, env: Record<string, string> = {}) {
  const terminal = await PseudoTerminal.start(COMMAND, {
    columns: 100,
    rows: 30,
    env: { ...feed.env, TERM: "xterm-256color", LANG: "C.UTF-8", LC_ALL: "", ...env },
  });
  await terminal.screenShows(/Leases 1 /);
  assertEquals(terminal.isAlternate, true);
  return terminal;
}

/** The colors in what was written. */
// deno-lint-ignore no-control-regex -- it finds them
const colorsOf = (raw: string) => raw.match(/\x1b\[[1-9]\d*m/g) ?? [];

/** What a terminal acts on, without colors and what a screen is made of. */
function controlsOf(raw: string): string[] {
  // deno-lint-ignore no-control-regex -- it finds them
  const known = /\x1b\[(\d+m|\?(1049|25|2026)[hl]|[HK]|2[JK]|\d+;\d+H)|[\r\n]/g;
  return raw.replaceAll(known, "").match(/[\p{Cc}\p{Cf}]/gu) ?? [];
}

/** The terminal is as it was: its first screen, a cursor, lines and echo. */
async function assertRestored(terminal: PseudoTerminal, status: number) {
  const { status: ended, modes } = await terminal.ended();
  assertEquals([ended, terminal.isAlternate], [status, false]);
  assertMatch(modes, /\sicanon\b/);
  assertMatch(modes, /\secho\s/);
  assertMatch(modes, /\sisig\b/);
  const { raw } = terminal;
  assertEquals(raw.lastIndexOf("\x1b[?25h") > raw.lastIndexOf("\x1b[?25l"), true, "a cursor");
}

Deno.test({
  name:
    `rfaas top follows keys, the size, and a manager that goes away and comes back${needsTerminal}`,
  ignore,
}, async () => {
  await using feed = ShownFeed.start();
  await using terminal = await startTop(feed);
  await terminal.type("\t");
  await terminal.screenShows(/^by COMPUTE /m);
  await terminal.type("\x1b[C");
  await terminal.screenShows(/^by POLL /m);
  await terminal.type("/proto");
  await terminal.screenShows(/^Filter: proto_$/m);
  await terminal.type("\r");
  await terminal.screenShows(/^by POLL {2}Filter: proto \(Esc clears\)/m);
  assertEquals(terminal.lines.filter((line) => /img/.test(line)), []);
  await terminal.resize(30, 12);
  await terminal.screenShows(/^by POLL {2}Filter: proto \(Esc c~$/m);
  await terminal.resize(120, 40);
  await terminal.screenShows(/Right sort {2}r reverse/);
  feed.end(503);
  await terminal.screenShows(/^AWAY for \d+s: Cannot follow cluster at .* the test refuses it$/m);
  feed.change = { ...HOSTILE_CHANGE, totals: { ...HOSTILE_CHANGE.totals, leases: 7 } };
  feed.status = 200;
  await terminal.screenShows(/Leases 7 /);
  assertEquals(/AWAY/.test(terminal.lines.join()), false);
  assertEquals(controlsOf(terminal.raw), []);
  await terminal.type("q");
  await assertRestored(terminal, 0);
});

Deno.test({
  name: `rfaas top restores the terminal at each signal and at an error${needsTerminal}`,
  ignore,
}, async () => {
  const ends: [string, number, (terminal: PseudoTerminal, feed: ShownFeed) => unknown][] = [
    ["Ctrl-C", 0, (terminal) => terminal.type("\x03")],
    ["Ctrl-\\", 0, (terminal) => terminal.type("\x1c")],
    ["SIGTERM", 0, ({ pid }) => Deno.kill(pid, "SIGTERM")],
    ["a token that was revoked", 1, (_, feed) => feed.end(401)],
  ];
  await Promise.all(ends.map(async ([name, status, end]) => {
    await using feed = ShownFeed.start();
    await using terminal = await startTop(feed);
    await end(terminal, feed);
    await assertRestored(terminal, status);
    if (status === 0) return;
    const after = terminal.raw.slice(terminal.raw.lastIndexOf("\x1b[?1049l"));
    assertMatch(after, /rfaas: Cannot show cluster: the test refuses it/, name);
  }));
});

Deno.test({
  name:
    `rfaas top stops at Ctrl-Z with the terminal as it was, and goes on at SIGCONT${needsTerminal}`,
  ignore,
}, async () => {
  await using feed = ShownFeed.start();
  await using terminal = await startTop(feed);
  const { pid } = terminal;
  const state = async () => (await Deno.readTextFile(`/proc/${pid}/stat`)).split(") ")[1]![0];
  for (const stop of ["\x1a", "\x1a"]) {
    await terminal.type(stop);
    await until(async () => await state() === "T", () => "it is stopped");
    await until(() => !terminal.isAlternate, () => "the first screen is back");
    Deno.kill(pid, "SIGCONT");
    await until(() => terminal.isAlternate, () => "its screen is there again");
    await terminal.screenShows(/Leases 1 [^]*by NODE/);
  }
  await terminal.type("q");
  await assertRestored(terminal, 0);
});

Deno.test({
  name: `rfaas top ends when its terminal closes${needsTerminal}`,
  ignore,
}, async () => {
  await using feed = ShownFeed.start();
  await using terminal = await startTop(feed);
  await terminal.close();
  await until(
    async () => await Deno.stat(`/proc/${terminal.pid}`).then(() => false, () => true),
    () => "its process is gone",
  );
});

Deno.test({
  name: `rfaas top draws with ASCII alone where the terminal is not set to UTF-8${needsTerminal}`,
  ignore,
}, async () => {
  await using feed = ShownFeed.start();
  await using terminal = await startTop(feed, { LANG: "C", NO_COLOR: "1" });
  await terminal.type("q");
  await assertRestored(terminal, 0);
  assertMatch(terminal.raw, /^\p{ASCII}*$/u);
  assertEquals(colorsOf(terminal.raw), []);
});
