/**
 * Runs the whole test suite: fetches what the tests need, checks all types once, runs the tests, and prints the slowest
 * tests, the duration of each part, and the counts.
 *
 * The parts run one after the other: the tests of this host, those that need an RDMA device (of this host or of a virtual
 * machine), and those of two machines. The tests of this host run in lanes, each of which takes the next files.
 *
 * @module
 */
import { ETCD, PROMETHEUS, unpack } from "./unpacked_package.ts";
import { prepare } from "./prepare.ts";
import { installPackages, MissingPackagesError, PACKAGES } from "./vm/packages.ts";
import { BROWSER_PACKAGES } from "./browser_packages.ts";
import { NETWORK_PACKAGES } from "./network_packages.ts";
import { SLURM_PACKAGES } from "./slurm_packages.ts";
import { SANDBOX_PACKAGES } from "./sandbox_packages.ts";
import { ALONE, DEVICE_TESTS, DEVICE_TOO, LANES, MACHINE_TESTS } from "./test_parts.ts";
import { hostRuns } from "./test_files.ts";
import { hasDevice, onHost, type TestRun, withMachine } from "./test_places.ts";
import { NO_TESTS } from "./test_report.ts";
import { Suite } from "./test_suite.ts";

/** Time limit of one run: one that hangs would block the suite forever. */
const LIMIT_MS = 30 * 60_000;
/** The same for one of the many runs on this host, the longest of which takes about two minutes. */
const SHORT_LIMIT_MS = 10 * 60_000;
/** Makes calls between two RDMA devices in place of shared memory. */
const OVER_RDMA = { RFAAS_TEST_FABRIC: "verbs" };

if (import.meta.main) Deno.exit(await runTests(Deno.args));

/** @param args Paths and flags of `deno test`. Without a path, all tests run. */
async function runTests(args: readonly string[]): Promise<number> {
  const suite = new Suite(args.filter((arg) => arg.startsWith("-")));
  const paths = args.filter((arg) => !arg.startsWith("-"));
  await suite.part("preparing", async () => {
    await prepare();
    const packages = [
      PACKAGES,
      SANDBOX_PACKAGES,
      BROWSER_PACKAGES,
      NETWORK_PACKAGES,
      SLURM_PACKAGES,
    ].flat();
    await installPackages([...new Set(packages)], console.log)
      .catch((error) => {
        if (!(error instanceof MissingPackagesError)) throw error; // the tests that need them are skipped
      });
    for (const each of [ETCD, PROMETHEUS]) await unpack(each, console.log);
  });
  const checked = await suite.part("types", () => checkTypes(paths.length > 0 ? paths : ["."]));
  if (!checked) return 1;
  await (paths.length > 0 ? runSome(suite, paths) : runAll(suite));
  return suite.report();
}

/** Runs the tests at the paths, one part after the other. */
async function runSome(suite: Suite, paths: readonly string[]): Promise<void> {
  const named = (folder: string) => paths.filter((path) => path.startsWith(folder));
  const [device, machines] = [named(DEVICE_TESTS), named(MACHINE_TESTS)];
  const here = paths.filter((path) => !device.includes(path) && !machines.includes(path));
  const options = { limitMs: LIMIT_MS };
  if (here.length > 0) {
    await suite.run("host", onHost(options), {
      args: [...ignoring(DEVICE_TESTS, MACHINE_TESTS), ...here],
    });
  }
  if (device.length > 0) await runOnDevice(suite, { args: device, env: OVER_RDMA });
  if (machines.length > 0) await suite.run("machines", onHost(options), { args: machines });
}

async function runAll(suite: Suite): Promise<void> {
  await suite.part("host", async () => {
    const runs = (await hostRuns(new URL("..", import.meta.url))).entries();
    const host = onHost({ limitMs: SHORT_LIMIT_MS, printsAtEnd: true });
    await Promise.all(Array.from({ length: LANES }, async () => {
      for (const [index, args] of runs) await suite.count(`host, run ${index + 1}`, host, { args });
    }));
  });
  const options = { limitMs: LIMIT_MS };
  await suite.run("host, alone", onHost(options), { args: ALONE });
  // A machine that does not boot is a failure. The other tests continue.
  await runOnDevice(suite, { args: [DEVICE_TESTS, ...DEVICE_TOO], env: OVER_RDMA })
    .catch((error) => suite.fail(`the device: ${error}`));
  await suite.run("machines", onHost(options), { args: [MACHINE_TESTS] });
}

/** Runs tests on the RDMA device of this host, or on that of a virtual machine. */
async function runOnDevice(suite: Suite, run: TestRun): Promise<void> {
  const options = { limitMs: LIMIT_MS };
  if (await hasDevice()) return await suite.run("device", onHost(options), run);
  const reason = await withMachine(options, (machine) => suite.run("device", machine, run));
  if (reason === undefined) return;
  console.log(`\nthe RDMA tests were skipped: ${reason}`);
  suite.add({ ...NO_TESTS, skipped: new Map([["no RDMA device", 1]]) });
}

function ignoring(...paths: string[]): string[] {
  return [`--ignore=${paths.join()}`];
}

async function checkTypes(paths: readonly string[]): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", ...paths],
    cwd: new URL("..", import.meta.url),
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  return success;
}
