import { assertEquals, assertRejects } from "@std/assert";
import { importModule } from "../../../runtime/executor/package/module_exports.ts";
import { within } from "../../support/waiting.ts";

const load = (text: string) => importModule(new TextEncoder().encode(text));

Deno.test("`importModule()` serves named functions, sorted, without hooks, classes and values", async () => {
  const { names } = await load(
    `export const b = (i, o) => 0; export function a() {} export class C {} export const d = 1;
     export const init = () => {}; export function dispose() {} export default { z() {} };`,
  );
  assertEquals(names, ["a", "b"]);
});

Deno.test("`importModule()` serves the members of a default export, with their object as this", async () => {
  const { all, names } = await load(
    `export default { base: 40, add(i, o) { return this.base + 2; }, *count(i, o) {}, K: class {}, init() {} };
     export const VERSION = "1";`,
  );
  assertEquals(names, ["add", "count"]);
  const { add, count, init } = all as Record<string, (...all: unknown[]) => unknown>;
  assertEquals([add!(), add!.length, typeof init], [42, 2, "function"]);
  assertEquals(Object.getPrototypeOf(count), Object.getPrototypeOf(function* () {}));
});

Deno.test("`importModule()` serves a function that is the default export", async () => {
  assertEquals((await load("export default (i, o) => 0;")).names, ["default"]);
});

Deno.test("`importModule()` loads a module with an export named then", async () => {
  const { names } = await within(
    5000,
    "the module",
    load("export const then = () => {}, f = () => 0;"),
  );
  assertEquals(names, ["f", "then"]);
});

Deno.test("`importModule()` refuses a module without functions, with what it exports and what to write", async () => {
  for (
    const [text, found] of [
      [
        "",
        "exports nothing, since types are not part of a module that runs; write: export function name(",
      ],
      ["export const a = 1, n = null; export class C {}", "only C (class), a (number), n (null)"],
      ["export default { a: 1 }", "only default (object)"],
      ["export default class {}", "only default (class)"],
    ] as const
  ) {
    await assertRejects(() => load(text), TypeError, found);
  }
});

Deno.test("`importModule()` throws what the module throws", async () => {
  await assertRejects(() => load(`throw new RangeError("mine")`), RangeError, "mine");
});
