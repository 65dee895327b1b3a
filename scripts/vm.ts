/**
 * Runs a command in a machine with a soft-RoCE device, on the same files, in the same folder.
 *
 * @module
 */
import { MachineEndedError } from "./vm/errors.ts";
import { bootMachine, bootPair, type Machine, MachinePair } from "./vm/machine.ts";

const HELP = `Usage: deno task vm [--timeout SECONDS] [--there COMMAND] -- COMMAND [ARGUMENT...]

Boots a virtual machine with an RDMA device in software (rxe0), and runs the command there. The machine sees
this host's files; what it writes stays in its memory and is gone with it. The command's output and exit
status come out as if it ran here.

Options:
  --timeout SECONDS  how long it may take (default 600; the status is then 124)
  --there COMMAND    boots a second machine, joined to the first by a cable, and runs this there with sh; its
                     output goes to standard error. The first is 10.77.0.1, the second 10.77.0.2
  --help             this text
`;

/** As timeout(1). */
const TIMED_OUT = 124;
/** As a shell, for a command that cannot be started. */
const NOT_STARTED = 127;
/** The machine itself went down. */
const MACHINE_ENDED = 125;
/** What a command still writes after its end, through programs that it left behind, is waited for so long. */
const LAST_WORDS_MS = 2_000;

if (import.meta.main) Deno.exit(await main(Deno.args));

interface Arguments {
  readonly argv: readonly [string, ...string[]];
  readonly seconds: number;
  /** What the second machine runs, if there is to be one. */
  readonly there: string | undefined;
}

async function main(args: readonly string[]): Promise<number> {
  const options = readArguments(args);
  if (typeof options === "string") {
    console.error(options);
    return options === HELP ? 0 : 2;
  }
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
    console.error(`Cannot wait for ${argv.join(" ")}: not at its end after ${seconds} s`);
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
  // What is typed or piped here goes there, until it ends.
  void Deno.stdin.readable.pipeTo(process.stdin, { signal }).catch(() => {});
  const output = Promise.all([
    process.stdout.pipeTo(Deno.stdout.writable, { preventClose: true }),
    toStandardError(process.stderr),
  ]);
  output.catch(() => {});
  const { code } = await process.status;
  await Promise.race([output, new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS))]);
  return code;
}

/** Chunk by chunk, since several programs may share it. */
async function toStandardError(output: ReadableStream<Uint8Array>): Promise<void> {
  for await (const bytes of output) {
    for (let written = 0; written < bytes.length;) {
      written += await Deno.stderr.write(bytes.subarray(written));
    }
  }
}

/** @returns what is to be done, or what to say instead. */
function readArguments(args: readonly string[]): Arguments | string {
  const rest = [...args];
  let seconds = 600;
  let there: string | undefined;
  while (rest[0]?.startsWith("-")) {
    const option = rest.shift();
    if (option === "--help") return HELP;
    if (option === "--") break;
    const value = rest.shift();
    if (option === "--timeout") seconds = Number(value);
    else if (option === "--there") there = value;
    else return `Cannot take the option ${option}: see --help`;
  }
  if (!(seconds > 0)) return "Cannot take the value of --timeout: not a number of seconds above 0";
  const [name, ...more] = rest;
  return name === undefined ? HELP : { argv: [name, ...more], seconds, there };
}
