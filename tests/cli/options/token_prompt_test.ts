/** A token that is typed at a terminal. `script` of util-linux makes the terminal. */

import { assertEquals, assertMatch } from "@std/assert";
import { TestManager } from "../../support/manager/test_manager.ts";

const CLI = new URL("../../../cli.ts", import.meta.url).pathname;
const SCRIPT = "/usr/bin/script";
const needed = await Deno.stat(SCRIPT).then(() => "", () => " (needs script of util-linux)");

/** Runs a command in a terminal, types a line at its prompt, and returns what the terminal showed. */
async function inTerminal(args: readonly string[], typed: string, after = "") {
  const line = [Deno.execPath(), "run", "--allow-all", "--quiet", CLI, ...args].join(" ") + after;
  const child = new Deno.Command(SCRIPT, {
    args: ["--quiet", "--return", "--command", line, "/dev/null"],
    env: { RFAAS_MANAGER: "", RFAAS_TOKEN: "", NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const input = child.stdin.getWriter();
  const type = (text: string) => input.write(new TextEncoder().encode(text));
  // The prompt is there a moment before the terminal stops to echo: the first mask shows that it has.
  const steps = typed === "" ? [{ after: "Token:", keys: "\r" }] : [
    { after: "Token:", keys: typed.slice(0, 1) },
    { after: "Token: *", keys: `${typed.slice(1)}\r` },
  ];
  let shown = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    shown += text;
    if (steps[0] && shown.includes(steps[0].after)) await type(steps.shift()!.keys);
  }
  await input.close().catch(() => {});
  return { shown, code: (await child.status).code };
}

Deno.test({
  name: `a client command prompts for the token in a terminal, and does not show it${needed}`,
  ignore: needed !== "",
}, async () => {
  await using test = await TestManager.start();
  const token = test.token("client");
  const { shown, code } = await inTerminal(["nodes", "--manager", test.url], token);
  assertEquals(code, 0, shown);
  assertMatch(shown, /No nodes\./);
  assertEquals(shown.includes(token.slice(1)), false);
});

Deno.test({
  name: `a client command fails without a token if the prompt gets an empty line${needed}`,
  ignore: needed !== "",
}, async () => {
  const { shown, code } = await inTerminal(["nodes", "--manager", "http://127.0.0.1:1"], "");
  assertEquals(code, 1);
  assertMatch(shown, /rfaas: Cannot authenticate: no token/);
});

Deno.test({
  name: `Ctrl-C at the prompt for the token leaves a terminal that echoes${needed}`,
  ignore: needed !== "",
}, async () => {
  const args = ["nodes", "--manager", "http://127.0.0.1:1"];
  const { shown } = await inTerminal(args, "ab\x03", "; echo status $?; stty -a");
  assertMatch(shown, /rfaas: Cannot authenticate: interrupted at the prompt\s+status 1\s/);
  assertMatch(shown, /\sicanon\b/);
  assertMatch(shown, /\secho\s/);
});

Deno.test({
  name: `the prompt for the token accepts corrections${needed}`,
  ignore: needed !== "",
}, async () => {
  await using test = await TestManager.start();
  const token = test.token("client");
  const typed = `${token}xy\x7f\x08`;
  const { shown, code } = await inTerminal(["nodes", "--manager", test.url], typed);
  assertEquals(code, 0, shown);
});
