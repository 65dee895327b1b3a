/** Runs the system's own tools. */

/** How long a tool may take; a package mirror that hangs is the slowest case. */
const LIMIT_MS = 300_000;

/** How a tool is run. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** What it reads on its standard input. @default nothing */
  readonly input?: Uint8Array<ArrayBuffer>;
}

/**
 * Runs one tool to its end.
 *
 * @returns what it wrote to its standard output.
 * @throws {Error} with the end of its standard error, if it cannot be run or fails.
 */
export async function commandOutput(
  [command, ...args]: readonly [string, ...string[]],
  { cwd, env, input }: CommandOptions = {},
): Promise<string> {
  const line = [command, ...args].join(" ");
  const child = start(command, {
    args,
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    stdin: input ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  // A tool that stops reading has a reason, which it tells by its exit status.
  const fed = input && new Blob([input]).stream().pipeTo(child.stdin).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  await fed;
  if (code === 0) return new TextDecoder().decode(stdout);
  throw new Error(`Cannot run ${line}: it ended with ${code}: ${lastLines(stderr, 5)}`);
}

/** The end of what a program has written, where the reason stands. */
function lastLines(bytes: Uint8Array, count: number): string {
  return new TextDecoder().decode(bytes).trimEnd().split("\n").slice(-count).join("\n");
}

function start(command: string, options: Deno.CommandOptions): Deno.ChildProcess {
  try {
    return new Deno.Command(command, options).spawn();
  } catch (cause) {
    throw new Error(`Cannot run ${command}: ${(cause as Error).message}`, { cause });
  }
}
