/** The results of the test suite so far. */

import type { TestPlace, TestRun, TestRunResult } from "./test_places.ts";
import {
  addCounts,
  countTests,
  isOutsideTests,
  NO_TESTS,
  slowest,
  type TestCounts,
  type TestFailure,
  withSecondRun,
} from "./test_report.ts";

/** Number of the slowest tests to list. */
const SLOWEST = 10;

/**
 * Files with failed tests that a part runs again, alone. A host that stands still for a second fails a test or two of
 * thousands; with more failures, the code is at fault.
 */
const MAX_SECOND_RUNS = 3;

/** A run with failed tests. */
interface FailedRun {
  readonly name: string;
  readonly place: TestPlace;
  readonly run: TestRun;
  readonly counts: TestCounts;
}

/** Times the parts of the suite, sums their counts, and prints the summary. */
export class Suite {
  readonly #flags: readonly string[];
  readonly #parts: string[] = [];
  readonly #startMs = performance.now();
  #failedRuns: FailedRun[] = [];
  #counts = NO_TESTS;

  /** @param flags Arguments of every run of `deno test`. */
  constructor(flags: readonly string[]) {
    this.#flags = flags;
  }

  /** Runs a part, runs what failed in it again, and measures the duration of both. */
  async part<T>(name: string, work: () => Promise<T>): Promise<T> {
    const startMs = performance.now();
    try {
      const result = await work();
      await this.#runFailedAgain();
      return result;
    } finally {
      this.#parts.push(`${duration(performance.now() - startMs)} ${name}`);
    }
  }

  /** Runs tests as a part. */
  async run(name: string, place: TestPlace, run: TestRun): Promise<void> {
    await this.part(name, () => this.count(name, place, run));
  }

  /** Runs tests within a part. */
  async count(name: string, place: TestPlace, run: TestRun): Promise<void> {
    const counts = await this.#runOnce(name, place, run);
    if (counts.failed > 0) this.#failedRuns.push({ name, place, run, counts });
    else this.add(counts);
  }

  /** Counts what failed, after a second run if it is little. Nothing else runs meanwhile. */
  async #runFailedAgain(): Promise<void> {
    const failedRuns = this.#failedRuns;
    this.#failedRuns = [];
    const files = failedRuns.reduce((sum, { counts }) => sum + failedFiles(counts).length, 0);
    for (const { name, place, run, counts } of failedRuns) {
      if (files > MAX_SECOND_RUNS) {
        this.add(counts);
        continue;
      }
      const args = isOutsideTests(counts)
        ? run.args
        : [...failedFiles(counts), ...filesWithoutTests(run, counts)];
      console.log(`\n${args.join(" ")} failed, and runs again`);
      const second = await this.#runOnce(`${name}, again`, place, { ...run, args });
      this.add(withSecondRun(counts, second));
    }
  }

  async #runOnce(name: string, place: TestPlace, { args, env = {} }: TestRun): Promise<TestCounts> {
    return tally(name, await place({ args: [...this.#flags, ...args], env }));
  }

  add(counts: TestCounts): void {
    this.#counts = addCounts(this.#counts, counts);
  }

  /** Counts a failure outside of any test. */
  fail(what: string): void {
    this.add({ ...NO_TESTS, failed: 1, failures: [outsideTests(what)] });
  }

  /** Prints the summary. @returns The exit status. */
  report(): number {
    const { passed, failed, failures, flaky, skipped, times } = this.#counts;
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
    for (const each of flaky) {
      console.log(`\nFLAKY, passed in its second run: ${described(each)}\n`);
    }
    for (const each of failures) console.log(`\nFAILED: ${described(each)}\n`);
    console.log(`${passed} passed, ${failed} failed`);
    return failed === 0 ? 0 : 1;
  }
}

/** Counts the tests of a run. A run without a report, or that fails outside of any test, is a failure too. */
function tally(name: string, { code, junit, lastLine }: TestRunResult): TestCounts {
  const counts = countTests(junit);
  if (code === 0 || counts.failed > 0) return counts;
  const after = lastLine === undefined ? "" : `, after it printed "${lastLine}"`;
  const failure = outsideTests(`the run "${name}", which ended with code ${code}${after}`);
  return { ...counts, failed: 1, failures: [failure] };
}

function outsideTests(name: string): TestFailure {
  return { name, file: undefined, error: "" };
}

/** Each file once; one entry for a run that failed outside of any test. */
function failedFiles({ failures }: TestCounts): string[] {
  return [...new Set(failures.map(({ file }) => file ?? ""))];
}

/** Files of which no test ran: all of their tests were skipped, or they failed to load, which the report does not show. */
function filesWithoutTests({ args }: TestRun, { times }: TestCounts): string[] {
  const ran = new Set(times.map(({ file }) => file));
  return args.filter((arg) => arg.endsWith("_test.ts") && !ran.has(arg));
}

function described({ name, error }: TestFailure): string {
  return [name, ...error.split("\n").filter((line) => line !== "")].join("\n  ");
}

/** Minutes and seconds, padded to a common width. */
function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, "0")}`.padStart(6);
}
