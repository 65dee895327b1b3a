/** The end of a command that runs until it is told: SIGINT, SIGTERM, a terminal that closes, or the end of standard input. */

/** A runner such as `deno task` passes on the SIGINT that a terminal sent to all: the same one comes twice within a moment. */
const SAME_MS = 300;

/** The signals, with the numbers that a shell adds to 128 for a process that one has ended. */
const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
type EndingSignal = keyof typeof NUMBERS;

/** Gives a signal that fires when the command is to end; a second one ends the process at once. */
export class Ending implements Disposable {
  readonly #controller = new AbortController();
  #drains = false;
  #interruptedMs = -Infinity;
  readonly #listeners = new Map<EndingSignal, () => void>();
  /** Asked before the first listener: Deno then forgets it. */
  readonly #outlivesTerminal = ignoresHangup();

  constructor() {
    this.#listen("SIGINT");
    this.#listen("SIGTERM");
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Was it a signal? Then there is time to end well; a parent that is gone or ends its children waits for nobody. */
  get drains(): boolean {
    return this.#drains;
  }

  /** Settles when the command is to end. */
  get asked(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.signal.aborted) resolve();
    else this.signal.addEventListener("abort", () => resolve(), { once: true });
    return promise;
  }

  /**
   * Ends it too when standard input does. That is how a parent process ends its children: it works however the
   * parent dies, and a Ctrl-C in a terminal, which goes to all processes there, does not count twice.
   */
  followStdin(): void {
    const drain = async () => {
      const bytes = new Uint8Array(256);
      while (await Deno.stdin.read(bytes).catch(() => null) !== null);
      this.#controller.abort(new Error("Cannot go on: standard input has ended"));
    };
    drain();
  }

  /**
   * Ends it too when its terminal closes, unless it was started to outlive that, as `nohup` does. Deno (2.9.6) ends at
   * SIGHUP even then, but for a listener.
   */
  followTerminal(): void {
    if (this.#outlivesTerminal) this.#listen("SIGHUP", () => {});
    else this.#listen("SIGHUP");
  }

  [Symbol.dispose](): void {
    for (const [name, listener] of this.#listeners) Deno.removeSignalListener(name, listener);
  }

  #listen(name: EndingSignal, listener = () => this.#end(name)): void {
    this.#listeners.set(name, listener);
    Deno.addSignalListener(name, listener);
  }

  #end(name: EndingSignal): void {
    if (name === "SIGINT") {
      const nowMs = performance.now();
      if (nowMs - this.#interruptedMs < SAME_MS) return;
      this.#interruptedMs = nowMs;
    }
    if (this.signal.aborted) Deno.exit(128 + NUMBERS[name]);
    this.#drains = true;
    this.#controller.abort(new Error(`Cannot go on: ${name} was received`));
  }
}

/** Was SIGHUP ignored when this process began? Not where that may not be read. */
function ignoresHangup(): boolean {
  try {
    const [, mask] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))!;
    return (Number.parseInt(mask!.slice(-1), 16) & 1) !== 0; // signal 1 is bit 0
  } catch {
    return false;
  }
}
