/** The results of the test suite so far. */

import type { TestPlace, TestRun, TestRunResult } from "./test_places.ts";
import { addCounts, countTests, NO_TESTS, slowest, type TestCounts } from "./test_report.ts";

/** Number of the slowest tests to list. */
const SLOWEST = 10;

/** Times the parts of the suite, sums their counts, and prints the summary. */
export class Suite {
  readonly #flags: readonly string[];
  readonly #parts: string[] = [];
  readonly #startMs = performance.now();
  #counts = NO_TESTS;

  /** @param flags Arguments of every run of `deno test`. */
  constructor(flags: readonly string[]) {
    this.#flags = flags;
  }

  /** Runs a part and measures its duration. */
  async part<T>(name: string, work: () => Promise<T>): Promise<T> {
    const startMs = performance.now();
    try {
      return await work();
    } finally {
      this.#parts.push(`${duration(performance.now() - startMs)} ${name}`);
    }
  }

  /** Runs tests as a part. */
  async run(name: string, place: TestPlace, run: TestRun): Promise<void> {
    await this.part(name, () => this.count(name, place, run));
  }

  /** Runs tests without measuring their duration. */
  async count(name: string, place: TestPlace, { args, env = {} }: TestRun): Promise<void> {
    this.add(tally(name, await place({ args: [...this.#flags, ...args], env })));
  }

  add(counts: TestCounts): void {
    this.#counts = addCounts(this.#counts, counts);
  }

  /** Counts a failure outside of any test. */
  fail(what: string): void {
    this.add({ ...NO_TESTS, failed: 1, failures: [what] });
  }

  /** Prints the summary. @returns The exit status. */
  report(): number {
    const { passed, failed, failures, skipped, times } = this.#counts;
    console.log(`\nslowest:`);
    for (const { seconds, name, file } of slowest(times, SLOWEST)) {
      console.log(`${duration(seconds * 1000)} ${file}: ${name}`);
    }
    console.log(`\nparts:`);
    for (const part of this.#parts) console.log(part);
    console.log(`${duration(performance.now() - this.#startMs)} in total`);
    const total = [...skipped.values()].reduce((sum, count) => sum + count, 0);
    const reasons = [...skipped].sort(([, a], [, b]) => b - a)
      .map(([reason, count]) => `${count} ${reason}`);
    console.log(`\n${total} skipped${total > 0 ? `: ${reasons.join(", ")}` : ""}`);
    // Again, at the end of a long output.
    for (const failure of failures) console.log(`\nFAILED: ${failure}\n`);
    console.log(`${passed} passed, ${failed} failed`);
    return failed === 0 ? 0 : 1;
  }
}

/** Counts the tests of a run. A run without a report, or that fails outside of any test, is a failure too. */
function tally(name: string, { code, junit, lastLine }: TestRunResult): TestCounts {
  const counts = countTests(junit);
  if (code === 0 || counts.failed > 0) return counts;
  const after = lastLine === undefined ? "" : `, after it printed "${lastLine}"`;
  const failure = `the run "${name}", which ended with code ${code}${after}`;
  return { ...counts, failed: 1, failures: [failure] };
}

/** Minutes and seconds, padded to a common width. */
function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, "0")}`.padStart(6);
}
