/** A program of this project as a child process that says JSON, a line at a time. */

import { isStopped, until, within } from "./process_table.ts";

/** How long a child may take to say its next line or to end. */
const PATIENCE_MS = 20_000;

export class TestProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #stderr: Promise<string>;
  #rest = "";

  /** Runs a module with all permissions; `argument` reaches it as JSON. */
  constructor(entry: URL, argument: unknown) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        "--config",
        new URL("../../deno.json", import.meta.url).pathname,
        entry.href,
        JSON.stringify(argument),
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1" },
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#stderr = new Response(this.#child.stderr).text();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The next line that it says. */
  async line<T = Record<string, unknown>>(): Promise<T> {
    while (!this.#rest.includes("\n")) {
      const { value, done } = await within(PATIENCE_MS, "a child's next line", this.#lines.read());
      if (done) {
        throw new Error(`Cannot go on: the child has ended, saying ${await this.#stderr}`);
      }
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return JSON.parse(line);
  }

  /** Waits for its end. */
  async ended(): Promise<{ code: number; signal: Deno.Signal | null; stderr: string }> {
    const { code, signal } = await within(PATIENCE_MS, "a child's end", this.#child.status);
    return { code, signal, stderr: await this.#stderr };
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Ends it at once and waits until it is gone. */
  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // it had ended
    }
    await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#stderr;
    await this.#lines.cancel();
  }
}

/** Says one line to the test that started this process. */
export function say(value: unknown): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
}

/** Stops a process and waits until none of its threads runs. */
export async function stop(pid: number): Promise<void> {
  Deno.kill(pid, "SIGSTOP");
  await until(() => isStopped(pid), () => `process ${pid} is stopped`);
}
