/**
 * Runs a command in a virtual machine with a soft-RoCE device, on the same files, in the same folder.
 *
 * @module
 */
import { delay } from "@std/async";
import { parseArgs } from "@std/cli";
import {
  printHelp,
  readArguments,
  refuseUnknown,
  textOption,
  UsageError,
} from "../cli/program_arguments.ts";
import { MachineEndedError } from "./vm/errors.ts";
import { bootMachine, bootPair, type Machine, MachinePair } from "./vm/machine.ts";

const TIMEOUT_SECONDS = 600;

const HELP = `
Usage: vm [options] -- <command> [argument...]

Boot a virtual machine with an RDMA device in software (rxe0) and run the command in it. The machine
reads the files of this host; what it writes stays in its memory. The output and the exit status
of the command are those of this program.

Options:
  --timeout <seconds>  Time limit (default: ${TIMEOUT_SECONDS}); the exit status is then 124
  --there <command>    Boot a second machine, connected to the first, and run this command there
                       with sh. Its output goes to standard error. The first machine is 10.77.0.1,
                       the second 10.77.0.2
  -h, --help           Show help

Example:
  $ deno task vm -- deno run -A cli.ts devices
`;

/** The status of timeout(1). */
const TIMED_OUT = 124;
/** The status of a shell for a command that cannot be started. */
const NOT_STARTED = 127;
/** The status if the machine ends before the command. */
const MACHINE_ENDED = 125;
/** How long to wait, after the end of the command, for output of programs that it left behind. */
const LATE_OUTPUT_MS = 2_000;

if (import.meta.main) Deno.exit(await main(Deno.args));

interface Arguments {
  readonly argv: readonly [string, ...string[]];
  readonly seconds: number;
  /** The command of the second machine, if there is one. */
  readonly there: string | undefined;
}

async function main(args: readonly string[]): Promise<number> {
  const options = readArguments("vm", () => readOptions(args));
  const { argv, seconds } = options;
  const end = new AbortController();
  const ended = Promise.withResolvers<number>();
  const endWith = (code: number) => {
    ended.resolve(code);
    end.abort();
  };
  Deno.addSignalListener("SIGINT", () => endWith(130));
  Deno.addSignalListener("SIGTERM", () => endWith(143));
  setTimeout(() => {
    console.error(`Cannot finish ${argv.join(" ")}: still running after ${seconds} s`);
    endWith(TIMED_OUT);
  }, seconds * 1000);
  const code = runInMachine(options, end.signal);
  try {
    return await code;
  } catch (error) {
    if (end.signal.aborted) return await ended.promise;
    console.error((error as Error).message);
    return error instanceof MachineEndedError ? MACHINE_ENDED : NOT_STARTED;
  }
}

async function runInMachine({ argv, there }: Arguments, signal: AbortSignal): Promise<number> {
  await using machines = there === undefined
    ? await bootMachine({ signal })
    : await bootPair({ signal });
  if (!(machines instanceof MachinePair)) return await runHere(machines, argv, signal);
  const other = machines.two.spawn(["sh", "-c", there ?? ""]);
  void toStandardError(other.stdout).catch(() => {});
  void toStandardError(other.stderr).catch(() => {});
  return await runHere(machines.one, argv, signal);
}

async function runHere(
  machine: Machine,
  argv: Arguments["argv"],
  signal: AbortSignal,
): Promise<number> {
  const process = machine.spawn(argv, { stdin: "piped" });
  // The command reads the standard input of this program.
  void Deno.stdin.readable.pipeTo(process.stdin, { signal }).catch(() => {});
  const output = Promise.all([
    process.stdout.pipeTo(Deno.stdout.writable, { preventClose: true }),
    toStandardError(process.stderr),
  ]);
  output.catch(() => {});
  const { code } = await process.status;
  await Promise.race([output, delay(LATE_OUTPUT_MS)]);
  return code;
}

/** Writes chunk by chunk, since several programs may share standard error. */
async function toStandardError(output: ReadableStream<Uint8Array>): Promise<void> {
  for await (const bytes of output) {
    for (let written = 0; written < bytes.length;) {
      written += await Deno.stderr.write(bytes.subarray(written));
    }
  }
}

function readOptions(all: readonly string[]): Arguments {
  // `deno task vm -- --help`: no command begins with a dash, so this `--` is that of the task.
  const args = all[0] === "--" && all[1]?.startsWith("-") ? all.slice(1) : all;
  const { help, timeout, there, _ } = parseArgs(args, {
    boolean: ["help"],
    string: ["timeout", "there"],
    alias: { help: "h" },
    stopEarly: true,
    unknown: refuseUnknown,
  });
  const [name, ...rest] = commandIn(args, _.length);
  if (help || name === undefined) printHelp(HELP);
  const seconds = Number(textOption("timeout", timeout ?? String(TIMEOUT_SECONDS)));
  if (!(seconds > 0)) {
    throw new UsageError(`option '--timeout' expects a number above 0, not '${timeout}'`);
  }
  return { argv: [name, ...rest], seconds, there: textOption("there", there) };
}

/**
 * The words after the options. `parseArgs()` drops the first `--`, even within the command, and turns a word into a
 * number if it looks like one.
 *
 * @param count The words of the command, without that `--`.
 */
function commandIn(args: readonly string[], count: number): readonly string[] {
  const begin = args.length - count;
  return args.slice(args.indexOf("--") >= begin ? begin - 1 : begin);
}
