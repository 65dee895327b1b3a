/**
 * Runs the whole test suite: fetches what it needs first, shows its progress, and ends with a count.
 *
 * @module
 */
import { prepare } from "./prepare.ts";
import { countTests, type TestCounts } from "./test_report.ts";

/** How long all tests may take; one that hangs would hold the machine for ever. */
const LIMIT_MS = 30 * 60_000;

if (import.meta.main) Deno.exit(await runTests(Deno.args));

/** @param args what is to be run, and other arguments of `deno test`; all tests if empty. */
async function runTests(args: readonly string[]): Promise<number> {
  await prepare();
  const folder = await Deno.makeTempDir({ prefix: "rfaas-tests-" });
  try {
    const report = `${folder}/report.xml`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["test", "--allow-all", `--junit-path=${report}`, ...args],
      cwd: new URL("..", import.meta.url),
      stdin: "null",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
    const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    const { code, signal } = await child.status;
    clearTimeout(timer);
    const counts = countTests(await Deno.readTextFile(report).catch(() => ""));
    if (signal) console.log(`\nthe tests were ended by ${signal}`);
    tellSkips(counts);
    // A run that ended before it could report, or that fails outside of any test, is a failure as well.
    const failed = code !== 0 && counts.failed === 0 ? 1 : counts.failed;
    console.log(`${counts.passed} passed, ${failed} failed`);
    return failed === 0 ? 0 : 1;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function tellSkips({ skipped }: TestCounts): void {
  const total = [...skipped.values()].reduce((sum, count) => sum + count, 0);
  const reasons = [...skipped].sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${count} ${reason}`);
  console.log(`\n${total} skipped${total > 0 ? `: ${reasons.join(", ")}` : ""}`);
}
