/**
 * Runs the whole test suite: fetches what it needs first, shows its progress, and ends with a count.
 *
 * Three parts, one after the other since they want the cores for themselves: the tests of this host; those that need
 * an RDMA device, on this host's own or in a machine; those of two machines.
 *
 * @module
 */
import { prepare } from "./prepare.ts";
import { installPackages, MissingPackagesError, PACKAGES } from "./vm/packages.ts";
import { SANDBOX_PACKAGES } from "./sandbox_packages.ts";
import { onHost, type TestPlace, type TestRun, withDevice } from "./test_places.ts";
import { addCounts, countTests, NO_TESTS, type TestCounts } from "./test_report.ts";

/** How long one part may take; one that hangs would hold the machine for ever. */
const LIMIT_MS = 30 * 60_000;
/** The tests that need an RDMA device. */
const DEVICE_TESTS = "tests/rdma";
/** The tests that boot machines of their own. */
const MACHINE_TESTS = "tests/vm";
/** Tests of the host that find more to check where there is a device. */
const DEVICE_TOO: readonly string[] = ["tests/cli/devices_test.ts", "tests/cli/doctor_test.ts"];
/** Tests of whole leases that run on both fabrics. */
const BOTH_FABRICS: readonly string[] = [
  "tests/runtime/call/invoke_test.ts",
  "tests/runtime/call/prepared_call_test.ts",
  "tests/runtime/call/deadline_test.ts",
  "tests/faults/executor_killed_test.ts",
];

if (import.meta.main) Deno.exit(await runTests(Deno.args));

/** @param args what is to be run, and other arguments of `deno test`; all tests if no path is named. */
async function runTests(args: readonly string[]): Promise<number> {
  await prepare();
  await installPackages([...PACKAGES, ...SANDBOX_PACKAGES], console.log).catch((error) => {
    if (!(error instanceof MissingPackagesError)) throw error; // told below, by the tests that need them
  });
  const paths = args.filter((arg) => !arg.startsWith("-"));
  const flags = args.filter((arg) => arg.startsWith("-"));
  const named = (folder: string) => paths.filter((path) => path.startsWith(folder));
  let counts = NO_TESTS;
  const run = async (place: TestPlace, { args, env = {} }: TestRun) => {
    counts = addCounts(counts, tally(await place({ args: [...flags, ...args], env })));
  };

  const elsewhere = [...named(DEVICE_TESTS), ...named(MACHINE_TESTS)];
  const here = paths.filter((path) => !elsewhere.includes(path));
  if (paths.length === 0 || here.length > 0) {
    const ignored = `--ignore=${DEVICE_TESTS},${MACHINE_TESTS}`;
    await run(onHost(LIMIT_MS), { args: [ignored, ...here] });
  }
  if (paths.length === 0 || named(DEVICE_TESTS).length > 0) {
    const why = await withDevice(LIMIT_MS, async (device) => {
      await run(device, {
        args: paths.length === 0 ? [DEVICE_TESTS, ...DEVICE_TOO] : named(DEVICE_TESTS),
      });
      if (paths.length > 0) return;
      await run(device, { args: BOTH_FABRICS, env: { RFAAS_TEST_FABRIC: "verbs" } });
    });
    if (why !== undefined) {
      console.log(`\nthe tests of RDMA were left out. ${why}`);
      counts = addCounts(counts, { ...NO_TESTS, skipped: new Map([["no RDMA device", 1]]) });
    }
  }
  if (paths.length === 0 || named(MACHINE_TESTS).length > 0) {
    await run(onHost(LIMIT_MS), {
      args: paths.length === 0 ? [MACHINE_TESTS] : named(MACHINE_TESTS),
    });
  }
  tellSkips(counts);
  // Told again here, at the end of a long output.
  for (const failure of counts.failures) console.log(`\nFAILED: ${failure}\n`);
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 ? 0 : 1;
}

/** A run that ended before it could report, or that fails outside of any test, is a failure as well. */
function tally({ code, junit }: { code: number; junit: string }): TestCounts {
  const counts = countTests(junit);
  if (code === 0 || counts.failed > 0) return counts;
  return { ...counts, failed: 1, failures: [`the run itself, which ended with code ${code}`] };
}

function tellSkips({ skipped }: TestCounts): void {
  const total = [...skipped.values()].reduce((sum, count) => sum + count, 0);
  const reasons = [...skipped].sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${count} ${reason}`);
  console.log(`\n${total} skipped${total > 0 ? `: ${reasons.join(", ")}` : ""}`);
}
