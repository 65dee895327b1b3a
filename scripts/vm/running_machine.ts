/**
 * A virtual machine with a soft-RoCE device, in which the host's own files are seen, and may be changed without
 * changing them.
 *
 * @module
 */
import { AgentLine } from "./agent_line.ts";
import { BootError, CommandTimeoutError, MachineEndedError } from "./errors.ts";
import { timeFixedJob } from "./fixed_job.ts";
import type { MachineImage } from "./image.ts";
import {
  completed,
  type MachineOptions,
  passedEnvironment,
  type RunOptions,
  type RunResult,
  type SpawnOptions,
} from "./machine_options.ts";
import type { MachineProcess } from "./machine_process.ts";
import { LINK_DEVICE, qemuCommand, type QemuSettings } from "./qemu.ts";
import { Qmp } from "./qmp.ts";

/** How long qemu may take to connect to us; it does so before the machine has power. */
const POWER_MS = 20_000;
const BOOT_TIMEOUT_MS = 60_000;
const RUN_TIMEOUT_MS = 120_000;
/** What is kept of the console, for whoever asks why a machine ended. */
const CONSOLE_CHARACTERS = 64 * 1024;
/** What of it an error tells; a kernel's last words take about 2,500. */
const TOLD_CHARACTERS = 4_000;
const BY_ITSELF = "by itself";

/** A running machine. */
export class Machine implements AsyncDisposable {
  readonly name: string;
  /** Of its RDMA device's interface, without the prefix length. */
  readonly address: string;
  /** What commands find in their environment. */
  readonly env: Record<string, string>;
  /** How many times slower than this host. @default 1 until it has booted */
  factor = 1;
  bootMs = 0;
  kernel = "";
  readonly #qemu: Deno.ChildProcess;
  readonly #line: AgentLine;
  readonly #qmp: Promise<Qmp>;
  readonly #ended: Promise<void>;
  readonly #startedMs = performance.now();
  #why: string = BY_ITSELF;
  #console = "";

  private constructor(qemu: Deno.ChildProcess, qmp: Promise<Qmp>, settings: QemuSettings) {
    this.name = settings.name;
    this.address = settings.address.split("/")[0]!;
    this.env = passedEnvironment();
    this.#qemu = qemu;
    this.#qmp = qmp;
    this.#line = new AgentLine(qemu.stdin);
    this.#ended = this.#follow();
  }

  /**
   * Starts qemu.
   *
   * @returns the machine once it has power; {@link ready} tells when it is up.
   */
  static async start(image: MachineImage, options: MachineOptions): Promise<Machine> {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-vm-" });
    try {
      const settings = completed(image, options, `${folder}/qmp`);
      using listener = Deno.listen({ transport: "unix", path: settings.qmpPath });
      const [command, ...args] = qemuCommand(settings);
      const pipes = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
      const qemu = new Deno.Command(command, { args, ...pipes }).spawn();
      const accepted = listener.accept().then((connection) => Qmp.greet(connection));
      accepted.catch(() => {});
      const machine = new Machine(qemu, accepted, settings);
      options.signal?.addEventListener("abort", () => machine.#stop("aborted"));
      if (options.signal?.aborted) machine.#stop("aborted");
      const late = setTimeout(() => machine.#stop("no connection from qemu"), POWER_MS);
      // Not until all that comes from it was read: that waits for the connection, which an end here refuses.
      await Promise.race([accepted.catch(() => {}), qemu.status]);
      clearTimeout(late);
      return machine;
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }

  /**
   * Waits until commands can be run.
   *
   * @param limitMs how long it may take.
   * @throws {BootError} with the end of its console, if it does not come up.
   */
  async ready(limitMs: number = BOOT_TIMEOUT_MS): Promise<void> {
    const late = setTimeout(() => this.#stop(`not up after ${limitMs} ms`), limitMs);
    try {
      const { kernel, jobMs } = await this.#line.hello;
      this.kernel = kernel;
      this.bootMs = performance.now() - this.#startedMs;
      this.factor = jobMs / timeFixedJob();
      this.env.RFAAS_TIME_FACTOR = this.factor.toFixed(1);
    } catch (cause) {
      await this.close();
      throw new BootError(`Cannot boot ${this.name}: ${(cause as Error).message}`, { cause });
    } finally {
      clearTimeout(late);
    }
  }

  /**
   * Starts a command.
   *
   * @throws {MachineEndedError}
   */
  spawn(argv: readonly [string, ...string[]], options: SpawnOptions = {}): MachineProcess {
    const { cwd = Deno.cwd(), env = {}, stdin = "null" } = options;
    return this.#line.spawn({ argv, cwd, env: { ...this.env, ...env }, stdin });
  }

  /**
   * Runs a command to its end, and to the end of what it writes.
   *
   * @throws {CommandTimeoutError} if it takes too long.
   * @throws {MachineEndedError} if the machine ends first.
   * @throws {Error} if it cannot be started.
   */
  async run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<RunResult> {
    const { input, signal, timeoutMs = RUN_TIMEOUT_MS, ...rest } = options;
    signal?.throwIfAborted();
    const process = this.spawn(argv, { ...rest, stdin: input === undefined ? "null" : "piped" });
    const interrupted = Promise.withResolvers<never>();
    const kill = (why: unknown) => {
      void process.kill("SIGKILL");
      interrupted.reject(why);
    };
    const abort = () => kill(signal?.reason);
    signal?.addEventListener("abort", abort);
    const late = `Cannot wait for ${argv.join(" ")}: not at its end after ${timeoutMs} ms`;
    const timer = setTimeout(() => kill(new CommandTimeoutError(late)), timeoutMs);
    try {
      if (input !== undefined) {
        void new Blob([input]).stream().pipeTo(process.stdin).catch(() => {});
      }
      const output = Promise.all([
        process.status,
        new Response(process.stdout).text(),
        new Response(process.stderr).text(),
      ]);
      const [status, stdout, stderr] = await Promise.race([output, interrupted.promise]);
      return { ...status, stdout, stderr };
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Pulls the cable: what is sent is lost, and both the interface and its RDMA port go down. */
  async cutLink(): Promise<void> {
    await (await this.#qmp).execute("set_link", { name: LINK_DEVICE, up: false });
  }

  /** Puts the cable back. */
  async restoreLink(): Promise<void> {
    await (await this.#qmp).execute("set_link", { name: LINK_DEVICE, up: true });
  }

  /** The machine stands still, as if it hung, until {@link resume}. */
  async pause(): Promise<void> {
    await (await this.#qmp).execute("stop");
  }

  /** Lets it go on. */
  async resume(): Promise<void> {
    await (await this.#qmp).execute("cont");
  }

  /** The process on this host that is the machine. */
  get pid(): number {
    return this.#qemu.pid;
  }

  /** What it has written to its console last. */
  get console(): string {
    return this.#console;
  }

  /** The sudden death of a host: nobody is told. Resolves when the machine is gone. */
  async kill(): Promise<void> {
    this.#stop("killed");
    await this.#ended;
  }

  /** Ends the machine; its files are in memory, so nothing needs saving. May be called twice. */
  async close(): Promise<void> {
    this.#stop("closed");
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #stop(why: string): void {
    if (this.#why === BY_ITSELF) this.#why = why;
    try {
      this.#qemu.kill("SIGKILL");
    } catch (error) {
      // It has ended before.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** Reads all that comes from qemu until it ends, then tells whoever waits. */
  async #follow(): Promise<void> {
    const output = this.#line.follow(this.#qemu.stdout).catch((error) => this.#stop(`${error}`));
    await Promise.all([output, this.#readConsole()]);
    await this.#qemu.status;
    this.#line.end(
      new MachineEndedError(
        `The machine ${this.name} has ended: ${this.#why}. Its console:\n${
          this.#console.slice(-TOLD_CHARACTERS)
        }`,
      ),
    );
    await this.#qmp.then((qmp) => qmp.close(), () => {});
  }

  async #readConsole(): Promise<void> {
    for await (const text of this.#qemu.stderr.pipeThrough(new TextDecoderStream())) {
      this.#console = (this.#console + text).slice(-CONSOLE_CHARACTERS);
    }
  }
}
