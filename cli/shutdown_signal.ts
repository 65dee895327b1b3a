/** The end of a long-running command: SIGINT, SIGTERM, a terminal that closes, or the end of standard input. */

/**
 * How long a signal counts as the same request: `deno task` passes on the SIGINT that the terminal sends to all
 * processes, and `srun` the SIGTERM that Slurm sends to all processes of a job. A person may press Ctrl-C twice.
 */
const SAME_REQUEST_MS = { SIGHUP: 300, SIGINT: 300, SIGTERM: 2000 } as const;

/** The signals with their numbers. A shell reports 128 plus the number for a process that a signal ended. */
const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
type EndingSignal = keyof typeof NUMBERS;

/** Aborts its signal when the command is to end. A second request ends the process at once. */
export class ShutdownSignal implements Disposable {
  readonly #controller = new AbortController();
  #isGraceful = false;
  readonly #lastMs = new Map<EndingSignal, number>();
  readonly #listeners = new Map<EndingSignal, () => void>();
  /** Read before the first listener is added: Deno then replaces the disposition that it inherited. */
  readonly #outlivesTerminal = ignoresHangup();
  readonly #nowMs: () => number;

  /** @param nowMs a monotonic clock. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#listen("SIGINT");
    this.#listen("SIGTERM");
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Whether a signal requested the end, so that there is time for a grace period. A parent process that is gone, or that
   * ends its children, does not wait.
   */
  get isGraceful(): boolean {
    return this.#isGraceful;
  }

  /** Settles when the command is to end. */
  get requested(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.signal.aborted) resolve();
    else this.signal.addEventListener("abort", () => resolve(), { once: true });
    return promise;
  }

  /**
   * Ends the command at the end of standard input too. This is how a parent process ends its children: it works however
   * the parent dies, and a Ctrl-C in a terminal, which reaches all processes there, does not count twice.
   */
  followStdin(): void {
    const drain = async () => {
      const bytes = new Uint8Array(256);
      while (await Deno.stdin.read(bytes).catch(() => null) !== null);
      this.#controller.abort(new Error("Interrupted by the end of standard input"));
    };
    drain();
  }

  /**
   * Ends the command when its terminal closes too, unless the command was started to outlive the terminal, as `nohup`
   * does. In that case a listener is still needed: without one Deno 2.9.6 ends at SIGHUP even then.
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
    const nowMs = this.#nowMs();
    if (nowMs - (this.#lastMs.get(name) ?? -Infinity) < SAME_REQUEST_MS[name]) return;
    this.#lastMs.set(name, nowMs);
    if (this.signal.aborted) Deno.exit(128 + NUMBERS[name]);
    this.#isGraceful = true;
    this.#controller.abort(new Error(`Interrupted by ${name}`));
  }
}

/** Whether SIGHUP was ignored when this process started; false where /proc cannot be read. */
function ignoresHangup(): boolean {
  try {
    const [, mask] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))!;
    return (Number.parseInt(mask!.slice(-1), 16) & 1) !== 0; // signal 1 is bit 0
  } catch {
    return false;
  }
}
