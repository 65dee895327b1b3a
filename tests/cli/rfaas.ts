/** The command as a process. */

const CLI = new URL("../../cli.ts", import.meta.url).href;

/** What a command did. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Variables that would lead a test to a manager of the host's. */
const NO_MANAGER = { RFAAS_MANAGER: "", RFAAS_TOKEN: "", RFAAS_FABRIC: "", NO_COLOR: "1" };

function command(
  args: readonly string[],
  options: Deno.CommandOptions,
  permissions: readonly string[] = ["--allow-all"],
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...options,
    args: ["run", ...permissions, "--no-prompt", "--quiet", CLI, ...args],
    env: { ...NO_MANAGER, ...options.env },
  }).spawn();
}

/** Runs a command to its end. */
export async function rfaas(
  args: readonly string[],
  options: { env?: Record<string, string>; input?: string } = {},
): Promise<Outcome> {
  const { env = {}, input } = options;
  const child = command(args, { env, ...(input === undefined ? {} : { stdin: "piped" }) });
  if (input !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** A command that runs until it is told. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
  /** The first line, read as JSON. */
  // deno-lint-ignore no-explicit-any -- each test knows what it asked for
  readonly ready: any;
  /** Sends a signal and waits for the end. */
  end(signal: Deno.Signal): Promise<Deno.CommandStatus>;
}

/** Starts a command with `--json` and waits for its first line. */
export async function startRfaas(
  args: readonly string[],
  env: Record<string, string> = {},
  permissions?: readonly string[],
): Promise<Running> {
  const child = command([...args, "--json"], { env, stderr: "inherit" }, permissions);
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`Cannot start rfaas ${args.join(" ")}: it ended`);
    text += value;
  }
  const drained = (async () => {
    while (!(await reader.read()).done);
  })();
  let ended: Promise<Deno.CommandStatus> | undefined;
  const end = (signal: Deno.Signal) =>
    ended ??= (async () => {
      child.kill(signal);
      const status = await child.status;
      await drained;
      return status;
    })();
  return {
    pid: child.pid,
    ready: JSON.parse(text.split("\n")[0]!),
    end,
    [Symbol.asyncDispose]: async () => void await end("SIGTERM"),
  };
}

/** The processes whose parent, or its parent, is `pid`. */
export function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = Deno.readTextFileSync(`/proc/${name}/stat`);
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // it ended meanwhile
    }
  }
  const below = (one: number): number[] =>
    [...parents].filter(([, parent]) => parent === one).flatMap(([child]) => [
      child,
      ...below(child),
    ]);
  return below(pid);
}

/** Is there such a process, dead ones that nobody has waited for left out? */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}
