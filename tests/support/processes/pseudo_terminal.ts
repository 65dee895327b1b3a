/** A command in a terminal: `script` of util-linux makes a real one, xterm shows what is on its screen. */
import { until } from "../waiting.ts";
import { screenHtml } from "./screen_html.ts";
import { xterm } from "./xterm.ts";

const SCRIPT = "/usr/bin/script";
/** Of a test that needs it, the end of its name. */
export const needsTerminal = await Deno.stat(SCRIPT).then(
  () => "",
  () => " (needs script of util-linux)",
);

/** What {@linkcode PseudoTerminal.start} needs. */
export interface PseudoTerminalOptions {
  readonly columns: number;
  readonly rows: number;
  readonly env: Readonly<Record<string, string>>;
}

/** The terminal, with a shell that runs the command in it, prints its exit status, and shows the terminal's modes. */
export class PseudoTerminal implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #read: Promise<void>;
  readonly #screen;
  /** All that was written to it. */
  raw = "";
  #device = "";
  /** The process of the command. */
  pid = 0;

  private constructor(child: Deno.ChildProcess, { columns, rows }: PseudoTerminalOptions) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#screen = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
    this.#read = this.#follow();
  }

  /** Starts a command, given as words without blanks. */
  static async start(
    command: readonly string[],
    options: PseudoTerminalOptions,
  ): Promise<PseudoTerminal> {
    const { columns, rows, env } = options;
    const run = `sh -c 'echo at $(tty) $$ .; exec ${command.join(" ")}'`;
    // The terminal sends the signals of keys to the shell as well.
    const line =
      `trap : INT QUIT; stty cols ${columns} rows ${rows}; ${run}; echo "status $?."; stty -a; echo over.`;
    const child = new Deno.Command(SCRIPT, {
      args: ["--quiet", "--return", "--command", line, "/dev/null"],
      env: { SHELL: "/bin/sh", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const terminal = new PseudoTerminal(child, options);
    await terminal.shows(/at \S+ \d+ \./);
    const [, device, pid] = /at (\S+) (\d+) \./.exec(terminal.raw)!;
    terminal.#device = device!;
    terminal.pid = Number(pid);
    return terminal;
  }

  /** The lines on the screen, without blanks at their ends. */
  get lines(): string[] {
    const { active } = this.#screen.buffer;
    return Array.from(
      { length: this.#screen.rows },
      (_, y) => active.getLine(active.baseY + y)?.translateToString(true) ?? "",
    );
  }

  /** The screen as a page with its colors. */
  get html(): string {
    const { buffer, cols, rows } = this.#screen;
    return screenHtml(buffer.active, cols, rows);
  }

  /** Whether the screen is one that ends with the program on it. */
  get isAlternate(): boolean {
    return this.#screen.buffer.active.type === "alternate";
  }

  /** Waits until the screen, or the text of all that was written, matches. */
  async shows(pattern: RegExp): Promise<void> {
    await until(
      () => pattern.test(this.lines.join("\n")) || pattern.test(this.raw),
      () => `the terminal shows ${pattern}, and not\n${this.lines.join("\n")}`,
    );
  }

  /** Waits until the screen matches. */
  async screenShows(pattern: RegExp): Promise<void> {
    await until(
      () => pattern.test(this.lines.join("\n")),
      () => `the screen shows ${pattern}, and not\n${this.lines.join("\n")}`,
    );
  }

  async type(keys: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(keys));
  }

  /** Changes the size, as the window of a terminal does. */
  async resize(columns: number, rows: number): Promise<void> {
    this.#screen.resize(columns, rows);
    const args = ["-F", this.#device, "cols", `${columns}`, "rows", `${rows}`];
    await new Deno.Command("stty", { args }).output();
  }

  /** Waits for the end of the command. */
  async ended(): Promise<{ status: number; modes: string }> {
    await this.shows(/over\./);
    // The screen shows what was written a moment later.
    await new Promise<void>((resolve) => this.#screen.write("", resolve));
    const [, status, modes] = /status (\d+)\.([^]*)over\./.exec(this.raw)!;
    return { status: Number(status), modes: modes! };
  }

  /** Closes the terminal, whose processes go on without it. */
  async close(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#child.status;
    await this.#input.close().catch(() => {});
    await this.#read;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    this.#screen.dispose();
  }

  async #follow(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      this.raw += text;
      await new Promise<void>((resolve) => this.#screen.write(text, resolve));
    }
  }
}
