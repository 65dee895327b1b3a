import { assertEquals } from "@std/assert";
import {
  addCounts,
  countTests,
  NO_TESTS,
  slowest,
  type TestFailure,
  withSecondRun,
} from "../../scripts/test_report.ts";

function failure(name: string, file: string | undefined = "tests/one_test.ts"): TestFailure {
  return { name, file, error: "Error" };
}

Deno.test("`countTests()` counts tests, steps, failures, and skips by their reason", () => {
  const { passed, failed, failures, skipped } = countTests(`<testsuites><testsuite>
    <testcase name="a" time="0"></testcase>
    <testcase name="b (needs root)" time="0">
      <skipped/></testcase>
    <testcase name="c (needs root)" time="0"><skipped/></testcase>
    <testcase name="d" time="0"><skipped/></testcase>
    <testcase name="e &gt; step" classname="./tests/one_test.ts" time="0"><failure message="x &lt; y">Error: 1 &amp;lt; 2
    at here</failure></testcase>
  </testsuite></testsuites>`);
  assertEquals([passed, failed], [1, 1]);
  const error = "Error: 1 &lt; 2\n    at here";
  assertEquals(failures, [{ name: "e > step", file: "tests/one_test.ts", error }]);
  assertEquals([...skipped], [["needs root", 2], ["without a reason", 1]]);
});

Deno.test("`countTests()` counts a test that was canceled, after an error outside of it, as failed", () => {
  const { passed, failures } = countTests(`
    <testcase name="a" classname="./tests/one_test.ts" time="0">
        <error message="Cancelled"/>
    </testcase>
    <testcase name="b" classname="./tests/one_test.ts" time="0"></testcase>`);
  assertEquals(passed, 1);
  assertEquals(failures, [{ name: "a", file: "tests/one_test.ts", error: "Cancelled" }]);
});

Deno.test("`countTests()` returns the time of each test that ran, without its steps", () => {
  const { times } = countTests(`
    <testcase name="a &amp; b" classname="./tests/one_test.ts" time="1.500" line="1"></testcase>
    <testcase name="c (needs root)" classname="./tests/one_test.ts" time="0"><skipped/></testcase>
    <testcase name="d" classname="./tests/one_test.ts" time="2"><failure>x</failure></testcase>
    <testcase name="a &amp; b &gt; step" classname="./tests/one_test.ts" time="1.400"></testcase>
    <testcase name="a &amp; b &gt; c" classname="./tests/two_test.ts" time="3"></testcase>`);
  assertEquals(times, [
    { name: "a & b", file: "tests/one_test.ts", seconds: 1.5 },
    { name: "d", file: "tests/one_test.ts", seconds: 2 },
    { name: "a & b > c", file: "tests/two_test.ts", seconds: 3 },
  ]);
});

Deno.test("`slowest()` returns the tests that took longest, the slowest first", () => {
  const times = [1, 5, 3, 4].map((seconds) => ({ name: `${seconds} s`, file: "a", seconds }));
  assertEquals(slowest(times, 2).map(({ name }) => name), ["5 s", "4 s"]);
  assertEquals(slowest(times, 9).length, 4);
});

Deno.test("`countTests()` counts nothing in a report that was not written", () => {
  assertEquals(countTests(""), NO_TESTS);
});

Deno.test("`addCounts()` adds, reason by reason", () => {
  const one = {
    passed: 1,
    failed: 2,
    failures: [failure("c"), failure("d")],
    flaky: [],
    skipped: new Map([["a", 1], ["b", 2]]),
    times: [{ name: "c", file: "x", seconds: 1 }],
  };
  const other = {
    passed: 10,
    failed: 20,
    failures: [failure("e")],
    flaky: [failure("f")],
    skipped: new Map([["b", 3], ["c", 4]]),
    times: [{ name: "e", file: "y", seconds: 2 }],
  };
  assertEquals(addCounts(one, other), {
    passed: 11,
    failed: 22,
    failures: [failure("c"), failure("d"), failure("e")],
    flaky: [failure("f")],
    skipped: new Map([["a", 1], ["b", 5], ["c", 4]]),
    times: [{ name: "c", file: "x", seconds: 1 }, { name: "e", file: "y", seconds: 2 }],
  });
});

Deno.test("`withSecondRun()` counts as passed only what failed once", () => {
  const first = { ...NO_TESTS, passed: 8, failed: 2, failures: [failure("a"), failure("b")] };
  const passes = withSecondRun(first, { ...NO_TESTS, passed: 5 });
  assertEquals([passes.passed, passes.failed, passes.failures], [10, 0, []]);
  assertEquals(passes.flaky, [failure("a"), failure("b")]);
  // What fails only in the second run fails too.
  const second = { ...NO_TESTS, passed: 3, failed: 2, failures: [failure("b"), failure("c")] };
  const fails = withSecondRun(first, second);
  assertEquals([fails.passed, fails.failed, fails.failures], [9, 2, second.failures]);
  assertEquals(fails.flaky, [failure("a")]);
});

Deno.test("`withSecondRun()` counts nothing as passed if the second run ends without a report", () => {
  const first = { ...NO_TESTS, passed: 8, failed: 1, failures: [failure("a")] };
  const ended = { ...NO_TESTS, failed: 1, failures: [{ ...failure("the run"), file: undefined }] };
  const counts = withSecondRun(first, ended);
  assertEquals([counts.passed, counts.failed, counts.flaky], [8, 1, []]);
});

Deno.test("`withSecondRun()` takes the counts of the second run if the first ended without a report", () => {
  const ended = { ...NO_TESTS, failed: 1, failures: [{ ...failure("the run"), file: undefined }] };
  const counts = withSecondRun(ended, {
    ...NO_TESTS,
    passed: 5,
    failed: 1,
    failures: [failure("a")],
  });
  assertEquals([counts.passed, counts.failed, counts.failures], [5, 1, [failure("a")]]);
  assertEquals(counts.flaky, ended.failures);
});
