import { assert, assertEquals, assertMatch } from "@std/assert";
import { rfaas } from "./rfaas.ts";

Deno.test("rfaas doctor finds what this suite itself needs, and names a fix for what is missing", async () => {
  const { code, stdout } = await rfaas(["doctor", "--json"]);
  assertEquals(code, 0);
  const { ok, checks } = JSON.parse(stdout);
  assertEquals(ok, true);
  for (const check of checks) {
    assertEquals(check.ok, check.fix === undefined, check.name);
    assert(check.found !== "", check.name);
  }
  assertMatch((await rfaas(["doctor"])).stdout, /rfaas runs here by shared memory/);
});
