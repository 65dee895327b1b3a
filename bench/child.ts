/** A process with which a benchmark exchanges lines. It ends when its standard input ends, and so with this process. */

import { TextLineStream } from "@std/streams";

const READY_TIMEOUT_MS = 60_000;
const END_GRACE_MS = 5000;

export interface ChildOptions {
  /** The program. @default {Deno.execPath()} */
  readonly command?: string;
  readonly args: readonly string[];
}

export class Child implements AsyncDisposable {
  /** The first line that it printed, when it was ready. */
  readonly ready: string;
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;

  private constructor(
    child: Deno.ChildProcess,
    lines: ReadableStreamDefaultReader<string>,
    ready: string,
  ) {
    this.#child = child;
    this.#stdin = child.stdin.getWriter();
    this.#lines = lines;
    this.pid = child.pid;
    this.ready = ready;
  }

  /** @throws {Error} If it ends before its first line. */
  static async start({ command = Deno.execPath(), args }: ChildOptions): Promise<Child> {
    const child = new Deno.Command(command, {
      args: [...args],
      detached: true, // a Ctrl-C in the terminal reaches the parent alone
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
    const timer = setTimeout(() => kill(child), READY_TIMEOUT_MS);
    const { value: ready } = await lines.read();
    clearTimeout(timer);
    if (ready !== undefined) return new Child(child, lines, ready);
    await child.stdin.close().catch(() => {});
    const { code } = await child.status;
    throw new Error(`Cannot start ${args[0]}: it ended with ${code} before it was ready`);
  }

  /** Starts a module with all permissions. */
  static deno(program: URL, ...args: string[]): Promise<Child> {
    return Child.start({ args: ["run", "--allow-all", "--quiet", program.href, ...args] });
  }

  /** Sends a line. */
  async send(line: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(line + "\n"));
  }

  /** Sends a line and returns the response. @throws {Error} If the process ends first. */
  async request(line: string): Promise<string> {
    await this.send(line);
    const { value: response } = await this.#lines.read();
    if (response === undefined) throw new Error("Cannot read the response: the process has ended");
    return response;
  }

  /** Ends the process, by SIGKILL after the grace period. May be called twice. */
  async close(): Promise<void> {
    await this.#stdin.close().catch(() => {});
    const timer = setTimeout(() => kill(this.#child), END_GRACE_MS);
    await this.#lines.cancel().catch(() => {});
    await this.#child.status;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // it has ended
  }
}
