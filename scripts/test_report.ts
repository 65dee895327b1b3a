/** Reads the report of `deno test --junit-path`: the number of tests by outcome, and the duration of each. */

import { unescape } from "@std/html";

/** The outcome of one run, or of several. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly failures: readonly TestFailure[];
  /** Tests that failed at first and passed when their file ran again. They count as passed. */
  readonly flaky: readonly TestFailure[];
  /** Skipped tests, by reason. */
  readonly skipped: ReadonlyMap<string, number>;
  /** The tests that ran, without their steps. */
  readonly times: readonly TestTime[];
}

/** A test that failed, or a run that did outside of any test. */
export interface TestFailure {
  readonly name: string;
  /** Relative to the repository; undefined outside of any test. */
  readonly file: string | undefined;
  /** The first lines of the error; empty outside of any test. */
  readonly error: string;
}

/** How long one test took. */
export interface TestTime {
  readonly name: string;
  /** Relative to the repository. */
  readonly file: string;
  readonly seconds: number;
}

/** The counts of no run. */
export const NO_TESTS: TestCounts = {
  passed: 0,
  failed: 0,
  failures: [],
  flaky: [],
  skipped: new Map(),
  times: [],
};

/** Lines of a failure that the summary repeats: the message and the stack. */
const FAILURE_LINES = 12;

/** Sums the counts of two runs. */
export function addCounts(one: TestCounts, other: TestCounts): TestCounts {
  const skipped = new Map(one.skipped);
  for (const [reason, count] of other.skipped) {
    skipped.set(reason, (skipped.get(reason) ?? 0) + count);
  }
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    failures: [...one.failures, ...other.failures],
    flaky: [...one.flaky, ...other.flaky],
    skipped,
    times: [...one.times, ...other.times],
  };
}

/**
 * Joins the counts of a run with those of a second run of what failed in it.
 *
 * @param second the files of the failed tests; the whole run where it failed outside of any test.
 */
export function withSecondRun(first: TestCounts, second: TestCounts): TestCounts {
  if (isOutsideTests(first)) {
    return { ...second, flaky: isOutsideTests(second) ? [] : first.failures };
  }
  const failsAgain = (one: TestFailure) => second.failures.some(({ name }) => name === one.name);
  const flaky = second.passed === 0 ? [] : first.failures.filter((one) => !failsAgain(one));
  return {
    ...first,
    passed: first.passed + flaky.length,
    failed: second.failed,
    failures: second.failures,
    flaky,
  };
}

/** Whether a run failed outside of any test: it ended without a report. */
export function isOutsideTests({ failures }: TestCounts): boolean {
  return failures.some(({ file }) => file === undefined);
}

/** Returns the slowest tests, the slowest first. */
export function slowest(times: readonly TestTime[], count: number): TestTime[] {
  return times.toSorted((one, other) => other.seconds - one.seconds).slice(0, count);
}

/**
 * Counts tests and their steps. The reason of a skip is in parentheses at the end of the test's name, such as
 * `refuses a folder of another user (needs root)`.
 */
export function countTests(junit: string): TestCounts {
  let passed = 0;
  const failures: TestFailure[] = [];
  const skipped = new Map<string, number>();
  const times: TestTime[] = [];
  for (const [, attributes, body] of junit.matchAll(/<testcase ([^>]*)>([\s\S]*?)<\/testcase>/g)) {
    const attribute = (key: string) =>
      unescape(new RegExp(`(?:^| )${key}="([^"]*)"`).exec(attributes!)?.[1] ?? "");
    const name = attribute("name");
    const file = attribute("classname").replace(/^\.\//, "");
    const failure = /<(?:failure|error)\b[^>]*>([\s\S]*?)<\/(?:failure|error)>/.exec(body!) ??
      /<error message="([^"]*)"\/>/.exec(body!); // canceled: an error outside of any test ended its file
    if (failure) {
      const lines = unescape(failure[1]!).trim().split("\n").slice(0, FAILURE_LINES);
      failures.push({ name, file, error: lines.join("\n") });
    } else if (/<skipped\b/.test(body!)) {
      const reason = /\(([^()]+)\)$/.exec(name)?.[1] ?? "without a reason";
      skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
      continue;
    } else passed++;
    // Steps follow their test, whose time includes theirs.
    if (times.some((test) => test.file === file && name.startsWith(`${test.name} > `))) continue;
    times.push({ name, file, seconds: Number(attribute("time")) });
  }
  return { passed, failed: failures.length, failures, flaky: [], skipped, times };
}
