import { assertEquals } from "@std/assert";
import { addCounts, countTests, NO_TESTS } from "../../scripts/test_report.ts";

Deno.test("countTests() counts tests, steps, failures, and skips by their reason", () => {
  const { passed, failed, failures, skipped } = countTests(`<testsuites><testsuite>
    <testcase name="a" time="0"></testcase>
    <testcase name="b (needs root)" time="0">
      <skipped/></testcase>
    <testcase name="c (needs root)" time="0"><skipped/></testcase>
    <testcase name="d" time="0"><skipped/></testcase>
    <testcase name="e &gt; step" time="0"><failure message="x &lt; y">Error: 1 &amp;lt; 2
    at here</failure></testcase>
  </testsuite></testsuites>`);
  assertEquals([passed, failed], [1, 1]);
  assertEquals(failures, ["e > step\n  Error: 1 &lt; 2\n      at here"]);
  assertEquals([...skipped], [["needs root", 2], ["without a reason", 1]]);
});

Deno.test("countTests() counts nothing in a report that was not written", () => {
  assertEquals(countTests(""), NO_TESTS);
});

Deno.test("addCounts() adds, reason by reason", () => {
  const one = {
    passed: 1,
    failed: 2,
    failures: ["c", "d"],
    skipped: new Map([["a", 1], ["b", 2]]),
  };
  const other = { passed: 10, failed: 20, failures: ["e"], skipped: new Map([["b", 3], ["c", 4]]) };
  assertEquals(addCounts(one, other), {
    passed: 11,
    failed: 22,
    failures: ["c", "d", "e"],
    skipped: new Map([["a", 1], ["b", 5], ["c", 4]]),
  });
});
