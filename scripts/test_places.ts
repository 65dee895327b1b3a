/** The places where tests run: this host, or a virtual machine with an RDMA device. */

import { stripVTControlCharacters } from "node:util";
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

/** The result of a run. */
export interface TestRunResult {
  readonly code: number;
  /** The report of `--junit-path`; empty if the run ended before it. */
  readonly junit: string;
  /** The last line that the run printed, where it is known: of a run that hangs, the name of the test. */
  readonly lastLine?: string;
}

/** Runs tests. */
export type TestPlace = (run: TestRun) => Promise<TestRunResult>;

/** How a place runs tests. */
export interface PlaceOptions {
  /** Time limit, after which a run that hangs is killed. */
  readonly limitMs: number;
  /** Prints the output at the end of the run, since another one prints meanwhile. @default false */
  readonly printsAtEnd?: boolean;
}

const ROOT = new URL("..", import.meta.url);

/** Runs tests on this host. */
export function onHost({ limitMs, printsAtEnd = false }: PlaceOptions): TestPlace {
  return async ({ args, env = {} }) => {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-tests-" });
    try {
      const child = new Deno.Command(Deno.execPath(), {
        args: testArguments(`${folder}/report.xml`, args),
        cwd: ROOT,
        env,
        stdin: "null",
        stdout: printsAtEnd ? "piped" : "inherit",
        stderr: printsAtEnd ? "piped" : "inherit",
      }).spawn();
      const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
      const lastLine = printsAtEnd ? await printAtEnd(child) : undefined;
      const { code, signal } = await child.status;
      clearTimeout(timer);
      if (signal) console.log(`\n${signal} ended the tests`);
      const junit = await Deno.readTextFile(`${folder}/report.xml`).catch(() => "");
      return { code, junit, ...(lastLine !== undefined && { lastLine }) };
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  };
}

/** Prints the output of a process once it has ended. @returns the last line of its standard output. */
async function printAtEnd(child: Deno.ChildProcess): Promise<string> {
  const { stdout, stderr } = await child.output();
  for (const output of [stdout, stderr]) console.log(new TextDecoder().decode(output));
  const lines = stripVTControlCharacters(new TextDecoder().decode(stdout)).trimEnd().split("\n");
  return lines.at(-1)!;
}

/**
 * Boots a virtual machine with an RDMA device and runs tests in it.
 *
 * @returns The reason, if no machine can run on this host.
 */
export async function withMachine(
  options: PlaceOptions,
  use: (place: TestPlace) => Promise<void>,
): Promise<string | undefined> {
  const { limitMs } = options;
  try {
    await using machine = await bootMachine({
      memoryMiB: 4096,
      report: console.log,
    });
    await use(async ({ args, env = {} }) => {
      const report = "/tmp/report.xml";
      const process = machine.spawn([Deno.execPath(), ...testArguments(report, args)], {
        cwd: new URL(ROOT).pathname,
        env: { RFAAS_TIME_FACTOR: machine.factor.toFixed(1), ...env },
      });
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

/** Without type checks: the types have been checked once for all runs. */
function testArguments(report: string, args: readonly string[]): string[] {
  return ["test", "--allow-all", "--no-check", `--junit-path=${report}`, ...args];
}

/** Whether this host has an RDMA device. */
export async function hasDevice(): Promise<boolean> {
  try {
    await using fabric = openVerbs();
    (await fabric.listen()).close();
    return true;
  } catch {
    return false; // no library, no device, or no address on the device
  }
}
