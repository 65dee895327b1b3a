/** Counting what `deno test --junit-path` wrote. */

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  /** Those that failed: each its name, and the first lines of what it said. */
  readonly failures: readonly string[];
  /** Skipped tests, by reason. */
  readonly skipped: ReadonlyMap<string, number>;
}

/** The counts of no run at all. */
export const NO_TESTS: TestCounts = {
  passed: 0,
  failed: 0,
  failures: [],
  skipped: new Map(),
};

/** Lines of a failure that are told again at the end: the message and where it was thrown. */
const FAILURE_LINES = 12;

/** The counts of two runs together. */
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
  };
}

/**
 * Counts tests and their steps. The reason of a skip stands in parentheses at the end of the test's name, such as
 * `refuses a folder of another user (needs root)`.
 */
export function countTests(junit: string): TestCounts {
  let passed = 0;
  const failures: string[] = [];
  const skipped = new Map<string, number>();
  for (const [, attributes, body] of junit.matchAll(/<testcase ([^>]*)>([\s\S]*?)<\/testcase>/g)) {
    const name = unescapeXml(/name="([^"]*)"/.exec(attributes!)?.[1] ?? "");
    const failure = /<(?:failure|error)\b[^>]*>([\s\S]*?)<\/(?:failure|error)>/.exec(body!);
    if (failure) {
      const said = unescapeXml(failure[1]!).trim().split("\n").slice(0, FAILURE_LINES);
      failures.push([name, ...said].join("\n  "));
    } else if (/<skipped\b/.test(body!)) {
      const reason = /\(([^()]+)\)$/.exec(name)?.[1] ?? "without a reason";
      skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
    } else passed++;
  }
  return { passed, failed: failures.length, failures, skipped };
}

/** The five entities of XML; `&amp;` last, since what it stands for may look like another. */
function unescapeXml(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'").replaceAll("&amp;", "&");
}
