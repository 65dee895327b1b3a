/** A program of this project as a child process that prints JSON, one value per line. */

import { isStopped } from "./process_table.ts";
import { until, within } from "../waiting.ts";

/** How long a child may take to print its next line or to end. */
const CHILD_TIMEOUT_MS = 20_000;

/** A running child. Disposing kills it. */
export class TestProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #stderr: Promise<string>;
  #rest = "";

  /** Runs a module with all permissions and more flags of `deno run`, and passes `argument` as JSON. */
  constructor(entry: URL, argument: unknown, flags: readonly string[] = []) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        ...flags,
        "--config",
        new URL("../../../deno.json", import.meta.url).pathname,
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

  /** The value of its next line. */
  async line<T = Record<string, unknown>>(): Promise<T> {
    while (!this.#rest.includes("\n")) {
      const { value, done } = await within(
        CHILD_TIMEOUT_MS,
        "a child's next line",
        this.#lines.read(),
      );
      if (done) {
        throw new Error(`Cannot read the child's next line: it has ended: ${await this.#stderr}`);
      }
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return JSON.parse(line);
  }

  /** Waits until it has ended. */
  async ended(): Promise<{ code: number; signal: Deno.Signal | null; stderr: string }> {
    const { code, signal } = await within(CHILD_TIMEOUT_MS, "a child's end", this.#child.status);
    return { code, signal, stderr: await this.#stderr };
  }

  /** Sends a signal. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Kills it and waits until it has ended. */
  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // it has ended already
    }
    await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#stderr;
    await this.#lines.cancel();
  }
}

/** Sends one line to the test that started this process. */
export function emit(value: unknown): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
}

/** Stops a process and waits until all its threads have stopped. */
export async function stop(pid: number): Promise<void> {
  Deno.kill(pid, "SIGSTOP");
  await until(() => isStopped(pid), () => `process ${pid} is stopped`);
}
