/**
 * Everything that a function without permissions can name in this Deno: each global, each member of `Deno` and
 * `navigator`, each export of each `node:` module. tests/support/reach/verdicts.json has a verdict for every name; a new
 * version of Deno fails this test until its new names have one, too.
 */

import { assert, assertEquals } from "@std/assert";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import verdicts from "../../support/reach/verdicts.json" with { type: "json" };

/** Walks from inside a lease. */
const functions = packageOf(`
  const namesOf = (...objects) => objects.flatMap((object) => Reflect.ownKeys(object)).map(String);
  export async function walk(_, output) {
    const scope = Object.getPrototypeOf(globalThis);
    const found = {
      globalThis: namesOf(globalThis, scope, Object.getPrototypeOf(scope)),
      Deno: namesOf(Deno),
      navigator: namesOf(navigator, Object.getPrototypeOf(navigator)),
    };
    const { builtinModules } = await import("node:module");
    for (const name of builtinModules) {
      const of = "node:" + name.replace(/^node:/, "");
      try {
        found[of] = Object.keys(await import(of));
      } catch {
        found[of] = ["(none)"];
      }
    }
    return new TextEncoder().encodeInto(JSON.stringify(found), output).written;
  }`);

Deno.test("a function without permissions can name only what has a verdict", async () => {
  await using held = await startLease({ functions, maxBytes: "1MiB" });
  const walked = JSON.parse(
    new TextDecoder().decode(await held.lease.invoke("walk", new Uint8Array())),
  ) as Record<string, string[]>;
  const found = Object.entries(walked).flatMap(([of, names]) =>
    names.map((name) => `${of} ${name}`)
  );
  const judged = new Set(
    verdicts.flatMap(({ of, names }) => names.split(" ").map((name) => `${of} ${name}`)),
  );
  assert(found.length > 1500, `only ${found.length} names were found`);
  const without = [...new Set(found)].filter((name) => !judged.has(name));
  assertEquals(without, [], "give each of these names a verdict");
  const present = new Set(found);
  assertEquals([...judged].filter((name) => !present.has(name)), [], "these names are gone");
});

Deno.test("each verdict begins with its kind", () => {
  const kinds = new Set(verdicts.map(({ verdict }) => verdict.split(":")[0]));
  assertEquals([...kinds].sort(), [
    "bounded",
    "denied",
    "harmless",
    "own executor",
    "refused",
    "sandbox",
  ]);
});
