/** The end of a command that runs until it is told: SIGINT, SIGTERM, or the end of standard input. */

/** A runner such as `deno task` passes on the SIGINT that a terminal sent to all: the same one comes twice within a moment. */
const SAME_MS = 300;

/** Gives a signal that fires when the command is to end; a second one ends the process at once. */
export class Ending implements Disposable {
  readonly #controller = new AbortController();
  #drains = false;
  #interruptedMs = -Infinity;
  readonly #onSignal: Record<"SIGINT" | "SIGTERM", () => void>;

  constructor() {
    this.#onSignal = { SIGINT: () => this.#end("SIGINT"), SIGTERM: () => this.#end("SIGTERM") };
    Deno.addSignalListener("SIGINT", this.#onSignal.SIGINT);
    Deno.addSignalListener("SIGTERM", this.#onSignal.SIGTERM);
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

  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGINT", this.#onSignal.SIGINT);
    Deno.removeSignalListener("SIGTERM", this.#onSignal.SIGTERM);
  }

  #end(name: "SIGINT" | "SIGTERM"): void {
    if (name === "SIGINT") {
      const nowMs = performance.now();
      if (nowMs - this.#interruptedMs < SAME_MS) return;
      this.#interruptedMs = nowMs;
    }
    // 128 and the signal's number, as a shell says of a process that a signal has ended.
    if (this.signal.aborted) Deno.exit(name === "SIGINT" ? 130 : 143);
    this.#drains = true;
    this.#controller.abort(new Error(`Cannot go on: ${name} was received`));
  }
}
