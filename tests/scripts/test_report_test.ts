import { assertEquals } from "@std/assert";
import { addCounts, countTests } from "../../scripts/test_report.ts";

Deno.test("countTests() counts tests, steps, failures, and skips by their reason", () => {
  const { passed, failed, skipped } = countTests(`<testsuites><testsuite>
    <testcase name="a" time="0"></testcase>
    <testcase name="b (needs root)" time="0">
      <skipped/></testcase>
    <testcase name="c (needs root)" time="0"><skipped/></testcase>
    <testcase name="d" time="0"><skipped/></testcase>
    <testcase name="e &gt; step" time="0"><failure message="x &lt; y">text</failure></testcase>
  </testsuite></testsuites>`);
  assertEquals([passed, failed], [1, 1]);
  assertEquals([...skipped], [["needs root", 2], ["without a reason", 1]]);
});

Deno.test("countTests() counts nothing in a report that was not written", () => {
  assertEquals(countTests(""), { passed: 0, failed: 0, skipped: new Map() });
});

Deno.test("addCounts() adds, reason by reason", () => {
  const one = { passed: 1, failed: 2, skipped: new Map([["a", 1], ["b", 2]]) };
  const other = { passed: 10, failed: 20, skipped: new Map([["b", 3], ["c", 4]]) };
  assertEquals(addCounts(one, other), {
    passed: 11,
    failed: 22,
    skipped: new Map([["a", 1], ["b", 5], ["c", 4]]),
  });
});
