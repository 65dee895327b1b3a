/** The rfaas command as a process. */

const CLI = new URL("../../../cli.ts", import.meta.url).href;

/** The outcome of a command. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Clears the variables that would select a manager of the host. */
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

/** Starts a command, which the caller ends. */
export function spawnRfaas(
  args: readonly string[],
  options: Pick<Deno.CommandOptions, "env">,
): Deno.ChildProcess {
  return command(args, options);
}

/** Runs a command until it ends. */
export async function rfaas(
  args: readonly string[],
  options: {
    env?: Record<string, string>;
    input?: string;
    /** Flags of Deno. @default {["--allow-all"]} */
    permissions?: readonly string[];
  } = {},
): Promise<Outcome> {
  const { env = {}, input, permissions } = options;
  const stdin = input === undefined ? "null" : "piped";
  const child = command(args, { env, stdin }, permissions);
  if (input !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** A command that runs until a signal ends it. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
  /** The first line, read as JSON. */
  // deno-lint-ignore no-explicit-any -- each command prints its own type
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
    if (done) throw new Error(`Cannot start rfaas ${args.join(" ")}: it has ended`);
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
