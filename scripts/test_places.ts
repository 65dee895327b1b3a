/** Where tests run: on this host, on its RDMA device, or in a machine that has one. */

import { openVerbs } from "../fabric/verbs/provider.ts";
import { bootMachine } from "./vm/machine.ts";
import { MissingPackagesError } from "./vm/packages.ts";

/** One run of `deno test`. */
export interface TestRun {
  /** Arguments after `deno test`. */
  readonly args: readonly string[];
  /** Added to the environment. */
  readonly env?: Record<string, string>;
}

/** What a run left behind. */
export interface TestRunResult {
  readonly code: number;
  /** What `--junit-path` wrote; empty if it did not come to that. */
  readonly junit: string;
}

/** Runs tests one run after the other, their output beside that of this process. */
export type TestPlace = (run: TestRun) => Promise<TestRunResult>;

const ROOT = new URL("..", import.meta.url);

/** On this host. @param limitMs ends a run that hangs. */
export function onHost(limitMs: number): TestPlace {
  return async ({ args, env = {} }) => {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-tests-" });
    try {
      const child = new Deno.Command(Deno.execPath(), {
        args: ["test", "--allow-all", `--junit-path=${folder}/report.xml`, ...args],
        cwd: ROOT,
        env,
        stdin: "null",
        stdout: "inherit",
        stderr: "inherit",
      }).spawn();
      const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
      const { code, signal } = await child.status;
      clearTimeout(timer);
      if (signal) console.log(`\nthe tests were ended by ${signal}`);
      const junit = await Deno.readTextFile(`${folder}/report.xml`).catch(() => "");
      return { code, junit };
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  };
}

/**
 * On an RDMA device: this host's own, or one in a machine that is booted for it.
 *
 * @returns the reason why there is neither, where a machine can't be had at all.
 */
export async function withDevice(
  limitMs: number,
  use: (place: TestPlace) => Promise<void>,
): Promise<string | undefined> {
  if (await hasDevice()) {
    console.log("\nthe tests of RDMA run on this host's own device");
    await use(onHost(limitMs));
    return undefined;
  }
  try {
    await using machine = await bootMachine({ memoryMiB: 4096, tell: console.log });
    await use(async ({ args, env = {} }) => {
      const report = "/tmp/report.xml";
      const process = machine.spawn(
        // The types were checked on the host, where that takes a fifteenth of the time.
        [Deno.execPath(), "test", "--allow-all", "--no-check", `--junit-path=${report}`, ...args],
        { cwd: new URL(ROOT).pathname, env },
      );
      const timer = setTimeout(() => process.kill("SIGKILL"), limitMs);
      const keepOpen = { preventClose: true };
      await Promise.all([
        process.stdout.pipeTo(Deno.stdout.writable, keepOpen),
        process.stderr.pipeTo(Deno.stderr.writable, keepOpen),
      ]);
      const { code } = await process.status;
      clearTimeout(timer);
      const { stdout } = await machine.run(["sh", "-c", `cat ${report}; rm -f ${report}`]);
      return { code: code ?? 1, junit: stdout };
    });
    return undefined;
  } catch (error) {
    if (error instanceof MissingPackagesError) return error.message;
    throw error;
  }
}

async function hasDevice(): Promise<boolean> {
  try {
    await using fabric = openVerbs();
    (await fabric.listen()).close();
    return true;
  } catch {
    return false; // no library, no device, no address on it
  }
}
