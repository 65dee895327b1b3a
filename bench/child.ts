/** A process that a benchmark talks to by lines. It ends when its standard input does, however this process ends. */

const READY_MS = 60_000;
const END_MS = 5000;

export interface ChildOptions {
  /** A program of the system; Deno if left out. */
  readonly command?: string;
  readonly args: readonly string[];
}

export class Child implements AsyncDisposable {
  /** The first line it said: it is ready. */
  readonly ready: string;
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: Lines;

  private constructor(child: Deno.ChildProcess, lines: Lines, ready: string) {
    this.#child = child;
    this.#stdin = child.stdin.getWriter();
    this.#lines = lines;
    this.pid = child.pid;
    this.ready = ready;
  }

  /** @throws {Error} if it ends before it has said a line. */
  static async start({ command = Deno.execPath(), args }: ChildOptions): Promise<Child> {
    const child = new Deno.Command(command, {
      args: [...args],
      detached: true, // a Ctrl-C in the terminal is for the parent
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const lines = new Lines(child.stdout);
    const timer = setTimeout(() => kill(child), READY_MS);
    const ready = await lines.next();
    clearTimeout(timer);
    if (ready !== undefined) return new Child(child, lines, ready);
    await child.stdin.close().catch(() => {});
    const { code } = await child.status;
    throw new Error(`Cannot start ${args[0]}: it ended with ${code} before it was ready`);
  }

  /** Starts a program of this folder with all permissions. */
  static deno(program: string, ...args: string[]): Promise<Child> {
    const url = new URL(program, import.meta.url).href;
    return Child.start({ args: ["run", "--allow-all", "--quiet", url, ...args] });
  }

  /** Says a line. */
  async tell(line: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(line + "\n"));
  }

  /** Says a line and gives the answer. @throws {Error} if it ends instead. */
  async ask(line: string): Promise<string> {
    await this.tell(line);
    const answer = await this.#lines.next();
    if (answer === undefined) throw new Error("Cannot go on: the other process has ended");
    return answer;
  }

  /** Lets it end, and kills it if it does not. May be called twice. */
  async close(): Promise<void> {
    await this.#stdin.close().catch(() => {});
    const timer = setTimeout(() => kill(this.#child), END_MS);
    await this.#lines.close();
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
    // gone already
  }
}

class Lines {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #parts: string[] = [];

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  async next(): Promise<string | undefined> {
    for (;;) {
      const last = this.#parts.at(-1) ?? "";
      const end = last.indexOf("\n");
      if (end >= 0) {
        const line = this.#parts.slice(0, -1).join("") + last.slice(0, end);
        this.#parts = [last.slice(end + 1)];
        return line;
      }
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#parts.push(this.#decoder.decode(value, { stream: true }));
    }
  }

  async close(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }
}
