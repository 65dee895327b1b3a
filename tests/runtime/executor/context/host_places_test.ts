/** What a package reads of places is the same on each node, without a sandbox too. */

import { assertEquals } from "@std/assert";
import { startCluster } from "../../../support/cluster/cluster.ts";
import { packageOf } from "../../../support/functions/functions_package.ts";

const reply = `(value, output) =>
  new TextEncoder().encodeInto(JSON.stringify(value), output).written`;

/** The same facts, by each way in which packages read them. */
const WAYS = {
  "the global `process`": "const facts = process;",
  "`node:process`": `import facts from "node:process";`,
  "names of `node:process`":
    `import { argv, cwd, execPath } from "node:process"; const facts = { argv, cwd, execPath };`,
  "`require()`": `import { createRequire } from "node:module";
     const facts = createRequire(import.meta.url)("process");`,
};

Deno.test("a package reads no place of its node, whatever way it takes", async (t) => {
  await using cluster = await startCluster({ sandbox: "none" });
  const client = await cluster.connect();
  for (const [way, code] of Object.entries(WAYS)) {
    await t.step(way, async () => {
      const functions = packageOf(`${code}
        import { resolve } from "node:path";
        const reply = ${reply};
        export const places = (_, output) => reply([
          facts.cwd(), facts.execPath, facts.argv, process.title, Deno.cwd(), Deno.execPath(), resolve("a"),
          location.href, String(self.location), import.meta.url,
        ], output);`);
      await using lease = await client.lease({ functions });
      const places = await lease.invoke("places", new Uint8Array());
      const [program, module] = ["/package/deno", "/package/functions.js"];
      assertEquals(JSON.parse(new TextDecoder().decode(places)), [
        ...["/", program, [program, module], program, "/", program, "/a"],
        ...[`file://${module}`, `file://${module}`, `file://${module}`],
      ]);
    });
  }
});
