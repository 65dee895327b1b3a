/**
 * A virtual machine with a soft-RoCE device. It has the files of the host; its changes to them stay in its memory.
 *
 * @module
 */
import { AgentLine } from "./agent_line.ts";
import { BootError, BootTimeoutError, CommandTimeoutError, MachineEndedError } from "./errors.ts";
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

/** Timeout for the QMP connection from qemu, which is made before the machine runs. */
const QMP_TIMEOUT_MS = 20_000;
const BOOT_TIMEOUT_MS = 60_000;
const RUN_TIMEOUT_MS = 120_000;
/** Characters of the console that are kept. */
const CONSOLE_CHARACTERS = 64 * 1024;
/** Characters of the console in an error. The messages of a kernel that crashes take about 2,500. */
const ERROR_CHARACTERS = 4_000;
const UNREQUESTED = "not requested";

/** A running machine. */
export class Machine implements AsyncDisposable {
  readonly name: string;
  /** The address of the interface under its RDMA device, without the prefix length. */
  readonly address: string;
  /** The environment of its commands. */
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
  #why: string = UNREQUESTED;
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
   * @returns The machine when it runs; {@link ready} waits until it has booted.
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
      const late = setTimeout(() => machine.#stop("no connection from qemu"), QMP_TIMEOUT_MS);
      // Not `machine.#ended`: that waits for this connection, which is refused only when this listener closes.
      await Promise.race([accepted.catch(() => {}), qemu.status]);
      clearTimeout(late);
      return machine;
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }

  /**
   * Waits until commands can run.
   *
   * @param limitMs The boot timeout.
   * @throws {BootTimeoutError} If it does not boot in time; the message has the positions of its processors.
   * @throws {BootError} If the machine does not boot; the message has the end of its console.
   */
  async ready(limitMs: number = BOOT_TIMEOUT_MS): Promise<void> {
    let timedOut = false;
    const late = setTimeout(async () => {
      timedOut = true;
      this.#stop(`not booted after ${limitMs} ms, processors at ${await this.#positions()}`);
    }, limitMs);
    try {
      const { kernel, jobMs } = await this.#line.hello;
      this.kernel = kernel;
      this.bootMs = performance.now() - this.#startedMs;
      this.factor = jobMs / timeFixedJob();
      this.env.RFAAS_TIME_FACTOR = this.factor.toFixed(1);
    } catch (cause) {
      await this.close();
      const message = `Cannot boot ${this.name}: ${(cause as Error).message}`;
      throw timedOut ? new BootTimeoutError(message, { cause }) : new BootError(message, { cause });
    } finally {
      clearTimeout(late);
    }
  }

  /**
   * Starts a command.
   *
   * @throws {MachineEndedError} If the machine has ended.
   */
  spawn(argv: readonly [string, ...string[]], options: SpawnOptions = {}): MachineProcess {
    const { cwd = Deno.cwd(), env = {}, stdin = "null" } = options;
    return this.#line.spawn({ argv, cwd, env: { ...this.env, ...env }, stdin });
  }

  /**
   * Runs a command to its end, and to the end of its output.
   *
   * @throws {CommandTimeoutError} If it exceeds its time limit.
   * @throws {MachineEndedError} If the machine ends first.
   * @throws {Error} If it cannot be started.
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
    const late = `Cannot finish ${argv.join(" ")}: still running after ${timeoutMs} ms`;
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

  /** Cuts the connection: packets are lost, and both the interface and its RDMA port go down. */
  async cutLink(): Promise<void> {
    await (await this.#qmp).execute("set_link", { name: LINK_DEVICE, up: false });
  }

  /** Restores the connection. */
  async restoreLink(): Promise<void> {
    await (await this.#qmp).execute("set_link", { name: LINK_DEVICE, up: true });
  }

  /** Pauses the machine, as if it hung, until {@link resume}. */
  async pause(): Promise<void> {
    await (await this.#qmp).execute("stop");
  }

  /** Resumes the machine. */
  async resume(): Promise<void> {
    await (await this.#qmp).execute("cont");
  }

  /** The process id of qemu. */
  get pid(): number {
    return this.#qemu.pid;
  }

  /** The end of its console. */
  get console(): string {
    return this.#console;
  }

  /** Kills the machine, as a host that dies suddenly. Resolves when it has ended. */
  async kill(): Promise<void> {
    this.#stop("killed");
    await this.#ended;
  }

  /** Ends the machine. Its files are in memory, so it saves nothing. May be called twice. */
  async close(): Promise<void> {
    this.#stop("closed");
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Returns the instruction pointers, which name functions of the kernel in its System.map. */
  async #positions(): Promise<string> {
    const command = { "command-line": "info registers -a" };
    const registers = this.#qmp.then((qmp) => qmp.execute("human-monitor-command", command));
    return await registers.then(
      (text) => [...`${text}`.matchAll(/[ER]IP=\w+/g)].join(", "),
      (error) => `${error}`,
    );
  }

  #stop(why: string): void {
    if (this.#why === UNREQUESTED) this.#why = why;
    try {
      this.#qemu.kill("SIGKILL");
    } catch (error) {
      // It has ended.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** Reads the output of qemu until it ends, then fails all pending commands. */
  async #follow(): Promise<void> {
    const output = this.#line.follow(this.#qemu.stdout).catch((error) => this.#stop(`${error}`));
    await Promise.all([output, this.#readConsole()]);
    await this.#qemu.status;
    this.#line.end(
      new MachineEndedError(
        `The machine ${this.name} has ended: ${this.#why}. Its console:\n${
          this.#console.slice(-ERROR_CHARACTERS)
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
