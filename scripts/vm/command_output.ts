/** Runs tools of the system. */

/** Time limit of a tool. The slowest case is a package mirror that hangs. */
const LIMIT_MS = 300_000;

/** Options of a tool. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Its standard input. @default empty */
  readonly input?: Uint8Array<ArrayBuffer>;
}

/**
 * Runs one tool.
 *
 * @returns Its standard output.
 * @throws {Error} If it cannot be run or fails; the message has the end of its standard error.
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
  // If the tool stops reading, its exit status shows why.
  const fed = input && new Blob([input]).stream().pipeTo(child.stdin).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  await fed;
  if (code === 0) return new TextDecoder().decode(stdout);
  throw new Error(`Cannot run ${line}: it ended with ${code}: ${lastLines(stderr, 5)}`);
}

/** The end of the output, which has the reason. */
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
