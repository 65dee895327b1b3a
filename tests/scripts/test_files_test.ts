import { assertEquals } from "@std/assert";
import { hostRuns, testFiles } from "../../scripts/test_files.ts";
import { ALONE, DEVICE_TESTS, MACHINE_TESTS, SLOW } from "../../scripts/test_parts.ts";

const root = new URL("../..", import.meta.url);

Deno.test("each test file runs in one part of the suite", async () => {
  const all = await testFiles(root, ["tests"], []);
  const elsewhere = await testFiles(root, [...ALONE, DEVICE_TESTS, MACHINE_TESTS], []);
  assertEquals([...(await hostRuns(root)).flat(), ...elsewhere].sort(), all.sort());
});

Deno.test("the slowest tests start first", async () => {
  const [first] = await hostRuns(root);
  assertEquals(first?.[0]?.startsWith(SLOW[0]!), true);
});
