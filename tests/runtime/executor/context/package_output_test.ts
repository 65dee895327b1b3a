/** What functions write to standard output and standard error reaches the client's `onLog`. */

import { assertEquals } from "@std/assert";
import type { LogLine } from "../../../../mod.ts";
import { startLease } from "../../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../../support/functions/functions_package.ts";
import { until } from "../../../support/waiting.ts";

const none = new Uint8Array();

const functions = packageOf(`
import fromNode from "node:process";
import { Console } from "node:console";
const bytes = (text) => new TextEncoder().encode(text);
export const node = () => {
  process.stdout.write("one\\ntwo\\nth"); process.stdout.write("ree\\n\\n");
  fromNode.stderr.write("err\\n");
  new Console(process.stdout).log("a %d", 1);
  return 0;
};
export const deno = async () => {
  const text = bytes("ümläut\\n");
  Deno.stdout.writeSync(text.subarray(0, 1)); await Deno.stdout.write(text.subarray(1));
  await new Response("by a stream\\n").body.pipeTo(Deno.stdout.writable);
  Deno.stderr.writeSync(bytes("last")); // without an end of line
  return 0;
};
export const wrong = (_, output) => {
  try { Deno.stdout.writeSync("text"); } catch (error) { return output[0] = error.name.length; }
};
export const flood = () => { process.stdout.write("x\\n".repeat(1e5) + "y".repeat(1e5)); return 0; };
`);

Deno.test("lines of standard output and standard error reach a client with `onLog`", async () => {
  const lines: LogLine[] = [];
  await using held = await startLease({ functions, onLog: (line) => lines.push(line) });
  const { lease } = held;
  await lease.invoke("node", none);
  await lease.invoke("deno", none);
  await until(() => lines.at(-1)?.text === "last", () => `the last line: ${JSON.stringify(lines)}`);
  assertEquals(lines.map(({ level, text }) => [level, text]), [
    ["info", "one"],
    ["info", "two"],
    ["info", "three"],
    ["info", ""],
    ["error", "err"],
    ["info", "a 1"],
    ["info", "ümläut"],
    ["info", "by a stream"],
    ["error", "last"],
  ]);
  assertEquals(
    [...await lease.invoke("wrong", none)],
    Array("TypeError".length).fill(0).fill(9, 0, 1),
  );
  lines.length = 0;
  await lease.invoke("flood", none);
  await until(() => lines.some(({ text }) => /\d+ lines dropped/.test(text)), () => "the report");
});

Deno.test("a package may write to standard output without `onLog`", async () => {
  await using held = await startLease({ functions });
  await held.lease.invoke("node", none);
  await held.lease.invoke("deno", none);
});
