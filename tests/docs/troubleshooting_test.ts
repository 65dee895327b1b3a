/** docs/operations/troubleshooting.md has a row for every error that a user may meet. */

import { assert, assertEquals } from "@std/assert";
import { REFUSAL_CODES } from "../../manager/resource/refusal.ts";
import * as library from "../../mod.ts";
import { END_CODES } from "../../runtime/protocol/end_reason.ts";
import { modulesOf, readTree } from "../support/rules/source_tree.ts";

const ROOT = new URL("../../", import.meta.url);
const page = await Deno.readTextFile(new URL("docs/operations/troubleshooting.md", ROOT));

/** The names in the first column of the table under a heading. */
function rowsOf(heading: string): string[] {
  const text = page.split(`## ${heading}\n`)[1]!.split("\n## ")[0]!;
  return text.split("\n").filter((line) => line.startsWith("| `"))
    .flatMap((line) => [...line.split(" | ")[0]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
}

Deno.test("each error class of the library has a row", () => {
  const classes = Object.keys(library).filter((name) => name.endsWith("Error"));
  const named = rowsOf("Errors of calls and leases");
  assertEquals(classes.filter((name) => name !== "RfaasError" && !named.includes(name)), []);
});

Deno.test("each reason of a refused lease has a row", async () => {
  const tree = await readTree(ROOT);
  const reasons = modulesOf(tree)
    .filter((path) => /^(runtime\/(client|keeper|grant)|manager\/executor\/leases)\//.test(path))
    .flatMap((path) => [...tree.get(path)!.matchAll(REASON)].map(([, reason]) => reason!));
  assert(reasons.length > 10, `found ${reasons}`);
  const named = rowsOf("Why a lease was refused");
  assertEquals([...new Set(reasons)].filter((reason) => !named.includes(reason)), []);
});

/** The last argument of an error: its reason. */
const REASON =
  /new (?:LeaseRefusedError|ControlError)\((?:[^;]*?),\s*"([a-z-]+)",?\s*(?:\{[^}]*\})?\s*\)/g;

Deno.test("each code of an end has a row, and no other", () => {
  assertEquals(rowsOf("Why a lease or an executor ended"), END_CODES.toSorted());
});

Deno.test("each code of a response has a row, and no other", () => {
  assertEquals(rowsOf("Responses of the resource manager"), REFUSAL_CODES.toSorted());
});
