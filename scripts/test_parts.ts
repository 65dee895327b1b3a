/** Where tests run. */

/** Tests that need an RDMA device. */
export const DEVICE_TESTS = "tests/fabric/verbs";
/** Tests that boot virtual machines. */
export const MACHINE_TESTS = "tests/vm";

/**
 * Runs of tests on this host at a time. Most tests wait for processes most of the time: with one for each of two cores, a
 * third of the cores was idle. With four, one test in a thousand found its host too busy for what it measures.
 */
export const LANES = 3;
/** Test files of a run. Fewer balance the lanes better; each run costs 0.3 s. */
export const FILES_PER_RUN = 6;
/**
 * The tests that start first, since they take longest: a run of them for each {@linkcode OTHERS_PER_SLOW} of others, which
 * leave more of the cores to them.
 */
export const SLOW: readonly string[] = [
  "tests/packages",
  "tests/faults",
  "tests/integrations",
  "tests/projects_test.ts",
];
export const OTHERS_PER_SLOW = 2;
/** Tests that compare durations or memory, which other tests beside them would change. */
export const ALONE: readonly string[] = [
  "tests/bench",
  "tests/runtime/call/allocation_test.ts",
  "tests/manager/executor/leases/idle_clients_test.ts",
];

/** Other tests that run on the device too, where they check more. */
export const DEVICE_TOO: readonly string[] = [
  "tests/cli/devices_test.ts",
  "tests/cli/doctor_test.ts",
  "tests/faults/executor_killed_test.ts",
];
