/** A manager as a child process of this one. */

import { denoEnvironment } from "../../runtime/child_environment.ts";
import { firstLine } from "./first_line.ts";

/** Timeout for a child to be ready. The first start on a host fetches the bundler. */
const READY_TIMEOUT_MS = 120_000;
/** Grace period for a child to end, before it is killed. */
const END_GRACE_MS = 10_000;

/** A running child. It ends when this process does, even if this process is killed. */
export class ChildManager implements AsyncDisposable {
  /** The first line that the child printed, parsed as JSON. */
  readonly ready: unknown;
  /** Settles when the process has ended. */
  readonly ended: Promise<Deno.CommandStatus>;
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess, ready: unknown) {
    this.#child = child;
    this.ready = ready;
    this.ended = child.status;
  }

  /**
   * Starts `rfaas <args> --json` and waits until it is ready.
   *
   * @param variables that the child receives beside its settings.
   * @throws {Error} If the child ends before it is ready.
   * @throws {unknown} The signal's reason.
   */
  static async start(
    args: readonly string[],
    variables: readonly string[] = [],
    signal?: AbortSignal,
  ): Promise<ChildManager> {
    signal?.throwIfAborted();
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-all",
        "--quiet",
        new URL("../../cli.ts", import.meta.url).href,
        ...args,
        "--json",
        "--until-stdin-ends",
      ],
      clearEnv: true,
      env: {
        ...denoEnvironment([...settingVariables(), "XDG_STATE_HOME", ...variables]),
        OTEL_SERVICE_NAME: args[0]!, // in traces, two managers must not have one name
      },
      detached: true, // a Ctrl-C in the terminal reaches the parent alone, which ends its children in order
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const killChild = () => kill(child);
    const timer = setTimeout(killChild, READY_TIMEOUT_MS);
    signal?.addEventListener("abort", killChild, { once: true });
    try {
      const line = await firstLine(child.stdout);
      if (line !== undefined) return new ChildManager(child, JSON.parse(line));
      const { code, signal: killedBy } = await child.status;
      signal?.throwIfAborted();
      throw new Error(
        `Cannot start ${args[0]}: it ended with ${
          killedBy ?? `exit status ${code}`
        } before it was ready`,
      );
    } catch (error) {
      killChild();
      await child.stdin.close().catch(() => {});
      await child.status;
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", killChild);
    }
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Ends the child, by SIGKILL after the grace period. May be called twice. */
  async close(): Promise<void> {
    await this.#child.stdin.close().catch(() => {});
    const timer = setTimeout(() => kill(this.#child), END_GRACE_MS);
    await this.ended;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** The variables of settings and of traces: see docs/configuration.md and docs/observability.md. */
function settingVariables(): string[] {
  return Object.keys(Deno.env.toObject()).filter((name) => /^(RFAAS|OTEL)_/.test(name));
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // it has ended
  }
}
