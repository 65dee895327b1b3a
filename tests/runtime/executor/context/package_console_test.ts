/** What functions print by the console reaches the client's `onLog`. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { LogLine } from "../../../../mod.ts";
import { startLease } from "../../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../../support/functions/functions_package.ts";
import { until } from "../../../support/waiting.ts";

const none = new Uint8Array();

const functions = packageOf(`
console.info("loaded");
export const init = () => console.log("init");
export const levels = () => {
  console.debug("d"); console.log("%s is %d", "l", 3, { x: new Map([[1, 2]]) });
  console.warn("w"); console.error("e"); console.log(""); console.log("two\\nlines");
  console.group("g"); console.log("in"); console.groupEnd(); console.assert(false, "a");
  return 0;
};
export const nested = async () => {
  const { log } = console;
  await null; log("in a promise");
  await new Promise((resolve) => setTimeout(() => { log("in a timer"); resolve(); }, 1));
  return 0;
};
export const stack = () => { console.error(new Error("where")); console.trace("here"); return 0; };
export const flood = () => { for (let i = 0; i < 1e4; i++) console.log("x"); return 0; };
`);

Deno.test("lines of the console reach a client with `onLog`, with their levels", async () => {
  const lines: LogLine[] = [];
  await using held = await startLease({ functions, onLog: (line) => lines.push(line) });
  const { lease } = held;
  await lease.invoke("levels", none);
  await lease.invoke("nested", none);
  await until(() => lines.at(-1)?.text === "in a timer", () => "the last line");
  assertEquals(lines.map(({ worker, level, text }) => [worker, level, text]), [
    [0, "info", "loaded"],
    [0, "info", "init"],
    [0, "debug", "d"],
    [0, "info", "l is 3 { x: Map(1) { 1 => 2 } }"],
    [0, "warn", "w"],
    [0, "error", "e"],
    [0, "info", ""],
    [0, "info", "two\nlines"],
    [0, "info", "g"],
    [0, "info", "  in"],
    [0, "error", "Assertion failed: a"],
    [0, "info", "in a promise"],
    [0, "info", "in a timer"],
  ]);
  lines.length = 0;
  await lease.invoke("stack", none);
  await until(() => lines.length === 2, () => "both stacks");
  assertEquals(lines.map(({ level }) => level), ["error", "debug"]);
  for (const { text } of lines) {
    assertMatch(text, /\n {4}at stack \(file:\/\/\/package\/functions\.js:16:\d+\)/);
    assert(!text.includes("worker.js"), `the text has a path of the node: ${text}`);
  }
  lines.length = 0;
  await lease.invoke("flood", none);
  await until(() => lines.some(({ text }) => /^\d+ lines dropped$/.test(text)), () => "the number");
  assert(lines.length < 1000, `${lines.length} lines`);
});

Deno.test("a console without `onLog` prints nothing and does not fail", async () => {
  await using held = await startLease({ functions });
  await held.lease.invoke("levels", none);
  await held.lease.invoke("stack", none);
});
