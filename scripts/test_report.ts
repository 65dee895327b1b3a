/** Reads the report of `deno test --junit-path`: the number of tests by outcome, and the duration of each. */

import { unescape } from "@std/html";

/** The outcome of one run, or of several. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  /** One entry per failed test: its name, and the first lines of the error. */
  readonly failures: readonly string[];
  /** Skipped tests, by reason. */
  readonly skipped: ReadonlyMap<string, number>;
  /** The tests that ran, without their steps. */
  readonly times: readonly TestTime[];
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
    skipped,
    times: [...one.times, ...other.times],
  };
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
  const failures: string[] = [];
  const skipped = new Map<string, number>();
  const times: TestTime[] = [];
  for (const [, attributes, body] of junit.matchAll(/<testcase ([^>]*)>([\s\S]*?)<\/testcase>/g)) {
    const attribute = (key: string) =>
      unescape(new RegExp(`(?:^| )${key}="([^"]*)"`).exec(attributes!)?.[1] ?? "");
    const name = attribute("name");
    const failure = /<(?:failure|error)\b[^>]*>([\s\S]*?)<\/(?:failure|error)>/.exec(body!);
    if (failure) {
      const lines = unescape(failure[1]!).trim().split("\n").slice(0, FAILURE_LINES);
      failures.push([name, ...lines].join("\n  "));
    } else if (/<skipped\b/.test(body!)) {
      const reason = /\(([^()]+)\)$/.exec(name)?.[1] ?? "without a reason";
      skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
      continue;
    } else passed++;
    const file = attribute("classname").replace(/^\.\//, "");
    // Steps follow their test, whose time includes theirs.
    if (times.some((test) => test.file === file && name.startsWith(`${test.name} > `))) continue;
    times.push({ name, file, seconds: Number(attribute("time")) });
  }
  return { passed, failed: failures.length, failures, skipped, times };
}
