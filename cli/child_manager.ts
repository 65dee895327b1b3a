/** A manager as a child process of this one. */

import { firstLine } from "./first_line.ts";

/** How long a child may take to be ready: the first start of a machine fetches the bundler. */
const READY_MS = 120_000;
/** How long it may take to end by itself. */
const END_MS = 10_000;

/** A running child. It ends when this process does, however that happens. */
export class ChildManager implements AsyncDisposable {
  /** The first line it printed, read as JSON. */
  readonly ready: unknown;
  /** Settles once the process is gone. */
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
   * @throws {Error} if it ends before, or the signal's reason.
   */
  static async start(
    args: readonly string[],
    env: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<ChildManager> {
    signal?.throwIfAborted();
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-all",
        "--quiet",
        new URL("../cli.ts", import.meta.url).href,
        ...args,
        "--json",
        "--until-stdin-ends",
      ],
      env,
      detached: true, // a Ctrl-C in the terminal is for the parent, which ends its children in order
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const kill = () => endAtOnce(child);
    const timer = setTimeout(kill, READY_MS);
    signal?.addEventListener("abort", kill, { once: true });
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
      kill();
      await child.stdin.close().catch(() => {});
      await child.status;
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", kill);
    }
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Lets it end by itself, and kills it if it does not. May be called twice. */
  async close(): Promise<void> {
    await this.#child.stdin.close().catch(() => {});
    const timer = setTimeout(() => endAtOnce(this.#child), END_MS);
    await this.ended;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function endAtOnce(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // gone already
  }
}
