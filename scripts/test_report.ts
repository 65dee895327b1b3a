/** Counting what `deno test --junit-path` wrote. */

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  /** Skipped tests, by reason. */
  readonly skipped: ReadonlyMap<string, number>;
}

/** The counts of no run at all. */
export const NO_TESTS: TestCounts = { passed: 0, failed: 0, skipped: new Map() };

/** The counts of two runs together. */
export function addCounts(one: TestCounts, other: TestCounts): TestCounts {
  const skipped = new Map(one.skipped);
  for (const [reason, count] of other.skipped) {
    skipped.set(reason, (skipped.get(reason) ?? 0) + count);
  }
  return { passed: one.passed + other.passed, failed: one.failed + other.failed, skipped };
}

/**
 * Counts tests and their steps. The reason of a skip stands in parentheses at the end of the test's name, such as
 * `refuses a folder of another user (needs root)`.
 */
export function countTests(junit: string): TestCounts {
  let passed = 0;
  let failed = 0;
  const skipped = new Map<string, number>();
  for (const [, attributes, body] of junit.matchAll(/<testcase ([^>]*)>([\s\S]*?)<\/testcase>/g)) {
    if (/<(failure|error)\b/.test(body!)) failed++;
    else if (/<skipped\b/.test(body!)) {
      const name = /name="([^"]*)"/.exec(attributes!)?.[1] ?? "";
      const reason = /\(([^()]+)\)$/.exec(name)?.[1] ?? "without a reason";
      skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
    } else passed++;
  }
  return { passed, failed, skipped };
}
