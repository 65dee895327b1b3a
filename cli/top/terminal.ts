/** A terminal as a screen: it is taken, drawn on, and released as it was. */

import { emitKeypressEvents } from "node:readline";
import { PassThrough } from "node:stream";
import { deadline } from "@std/async";
import {
  clearViewport,
  cursorHide,
  cursorShow,
  cursorTo,
  enterAlternativeScreen,
  eraseLine,
  exitAlternativeScreen,
  synchronizedOutput,
} from "./ansi.ts";
import type { ScreenSize } from "./screen.ts";
import type { Key } from "./view.ts";

/** A terminal that shows nothing (Ctrl-S) must not keep the command from its end. */
const LAST_WRITE_MS = 500;
/** The size of a terminal that does not report any. */
const DEFAULT_SIZE = { columns: 80, rows: 24 };

/** What a terminal reports. */
export interface TerminalEvents {
  key(key: Key): void;
  /** The size has changed, or the process goes on after a stop: the screen is empty. */
  redraw(): void;
  /** The terminal is gone, or Ctrl-\\ was typed. */
  gone(): void;
}

/** The terminal of standard input and output. */
export class Terminal implements AsyncDisposable {
  #events: TerminalEvents | undefined;
  readonly #hasKeys = Deno.stdin.isTerminal();
  readonly #isUtf8 = /utf-?8/i.test(localeOf(Deno.env));
  readonly #encoder = new TextEncoder();
  /** The lines on the screen. */
  #drawn: readonly string[] = [];
  /** What is to be drawn when the terminal has taken what was written. */
  #next: readonly string[] | undefined;
  #isTaken = false;
  #writing: Promise<void> | undefined;
  readonly #listeners: (readonly [Deno.Signal, () => void])[];

  /** @throws {TypeError} If standard output is no terminal that can be drawn on. */
  constructor() {
    if (!Deno.stdout.isTerminal()) throw cannotDraw("standard output is no terminal");
    if (Deno.env.get("TERM") === "dumb") throw cannotDraw("the terminal is dumb");
    this.#listeners = [
      ["SIGWINCH", () => this.#clear()],
      ["SIGTSTP", () => this.#stop()],
      ["SIGCONT", () => this.#take()],
      ["SIGQUIT", () => this.#events?.gone()],
    ];
  }

  /** Takes the terminal. */
  open(events: TerminalEvents): void {
    this.#events = events;
    for (const [name, listener] of this.#listeners) Deno.addSignalListener(name, listener);
    this.#take();
    if (this.#hasKeys) this.#readKeys();
  }

  size(): ScreenSize {
    let { columns, rows } = DEFAULT_SIZE;
    try {
      const size = Deno.consoleSize();
      if (size.columns > 0 && size.rows > 0) ({ columns, rows } = size);
    } catch {
      // The terminal is gone, which the next write reports.
    }
    return { columns, rows, isUtf8: this.#isUtf8 };
  }

  /** Draws the lines that have changed. While the terminal does not take what was written, nothing is added. */
  draw(lines: readonly string[]): void {
    if (!this.#isTaken) return;
    if (this.#writing !== undefined) {
      this.#next = lines;
      return;
    }
    const changed = lines.flatMap((line, y) =>
      line === this.#drawn[y] ? [] : [`${cursorTo(0, y)}${eraseLine}${line}`]
    );
    const gone = this.#drawn.slice(lines.length).map((_, i) =>
      `${cursorTo(0, lines.length + i)}${eraseLine}`
    );
    this.#drawn = lines;
    if (changed.length + gone.length === 0) return;
    this.#write(synchronizedOutput([...changed, ...gone].join("")));
  }

  /** Releases the terminal. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#events === undefined) return; // it was never taken
    for (const [name, listener] of this.#listeners) Deno.removeSignalListener(name, listener);
    await this.#release();
  }

  #take(): void {
    if (this.#hasKeys) Deno.stdin.setRaw(true, { cbreak: true }); // the keys of signals stay those
    this.#isTaken = true;
    this.#write(enterAlternativeScreen + cursorHide);
    this.#clear();
  }

  #clear(): void {
    this.#drawn = [];
    this.#write(clearViewport);
    this.#events?.redraw();
  }

  async #release(): Promise<void> {
    if (!this.#isTaken) return;
    this.#isTaken = false;
    this.#write(cursorShow + exitAlternativeScreen);
    try {
      await deadline(this.#writing ?? Promise.resolve(), LAST_WRITE_MS);
    } catch {
      // It shows nothing at the moment.
    }
    try {
      if (this.#hasKeys) Deno.stdin.setRaw(false);
    } catch {
      // It is gone.
    }
  }

  async #stop(): Promise<void> {
    await this.#release();
    Deno.kill(Deno.pid, "SIGSTOP");
  }

  /** Writes after what is being written. */
  #write(text: string): void {
    const bytes = this.#encoder.encode(text);
    const before = this.#writing ?? Promise.resolve();
    const writing = before.then(() => writeAll(bytes)).catch(() => this.#events?.gone())
      .then(() => {
        if (this.#writing !== writing) return;
        this.#writing = undefined;
        const next = this.#next;
        this.#next = undefined;
        if (next !== undefined) this.draw(next);
      });
    this.#writing = writing;
  }

  async #readKeys(): Promise<void> {
    const keys = new PassThrough();
    emitKeypressEvents(keys);
    keys.on("keypress", (_text: string | undefined, key: Key) => this.#events?.key(key));
    const bytes = new Uint8Array(256);
    try {
      for (;;) {
        const length = await Deno.stdin.read(bytes);
        if (length === null) break;
        keys.write(bytes.slice(0, length));
      }
    } catch {
      // A terminal that was closed.
    }
    this.#events?.gone();
  }
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}

/** The locale of characters, in the order of `man 7 locale`. */
function localeOf(env: { get(name: string): string | undefined }): string {
  return env.get("LC_ALL") || env.get("LC_CTYPE") || env.get("LANG") || "";
}

function cannotDraw(state: string): TypeError {
  return new TypeError(`Cannot draw: ${state}, use --once or --json`);
}
