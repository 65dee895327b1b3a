/**
 * A virtual machine with a soft-RoCE device, in which the host's own files are seen, and may be changed without
 * changing them.
 *
 * @module
 */
import { AgentLine } from "./agent_line.ts";
import { BootError, CommandTimeoutError, MachineEndedError } from "./errors.ts";
import { timeFixedJob } from "./fixed_job.ts";
import type { CommandExit } from "./frames.ts";
import { type MachineImage, machineImage } from "./image.ts";
import type { MachineProcess } from "./machine_process.ts";
import { installPackages } from "./packages.ts";
import { LINK_DEVICE, qemuCommand, type QemuSettings } from "./qemu.ts";
import { Qmp } from "./qmp.ts";

/** How a machine is made. */
export interface MachineOptions {
  /** Its host name. @default "one" */
  readonly name?: string;
  /** Of the interface under its RDMA device. @default "10.77.0.1/24" */
  readonly address?: string;
  /** The largest packet there; RoCE takes the next lower power of two. @default 1500 */
  readonly mtu?: number;
  /** @default 3072 */
  readonly memoryMiB?: number;
  /** @default 2 */
  readonly cpus?: number;
  /** @default "tcg" */
  readonly accelerator?: "tcg" | "kvm";
  /** How long it may take to come up. @default 60000 */
  readonly bootTimeoutMs?: number;
  /** The cable to another machine. @default none: an interface that leads nowhere */
  readonly link?: NonNullable<QemuSettings["link"]>;
  /** Ends the machine when aborted. */
  readonly signal?: AbortSignal;
  /** What is being done, as a line of text. @default console.error */
  readonly tell?: (line: string) => void;
}

/** How a command is run. */
export interface SpawnOptions {
  /** @default that of this process */
  readonly cwd?: string;
  /** Added to {@link Machine.env}. */
  readonly env?: Record<string, string>;
  /** @default "null" */
  readonly stdin?: "piped" | "null";
}

/** How a command is run to its end. */
export interface RunOptions extends Omit<SpawnOptions, "stdin"> {
  /** What it reads on its standard input. @default nothing */
  readonly input?: string;
  /** Kills it when aborted. */
  readonly signal?: AbortSignal;
  /** How long it may take. @default 120000 */
  readonly timeoutMs?: number;
}

/** What a command has done. */
export interface RunResult extends CommandExit {
  readonly stdout: string;
  readonly stderr: string;
}

const BOOT_TIMEOUT_MS = 60_000;
const RUN_TIMEOUT_MS = 120_000;
/** What is kept of the console, for whoever asks why a machine ended. */
const CONSOLE_CHARACTERS = 64 * 1024;
/** What of this process's environment is the same in the machine. */
const PASSED =
  /^(PATH|HOME|USER|LOGNAME|SHELL|TERM|LANG|LC_.*|TZ|CI|NO_COLOR|FORCE_COLOR|DENO_.*|RFAAS_.*|XDG_CACHE_HOME)$/;

/**
 * Puts the packages and the image in place, and boots.
 *
 * @returns the machine, ready to run commands.
 * @throws {BootError} with the end of its console, if it does not come up.
 * @throws {MissingPackagesError} if the system lacks what it needs.
 */
export async function bootMachine(options: MachineOptions = {}): Promise<Machine> {
  const { tell = console.error, bootTimeoutMs = BOOT_TIMEOUT_MS } = options;
  await installPackages(undefined, tell);
  const image = await machineImage(undefined, tell);
  const machine = await Machine.start(image, options, bootTimeoutMs);
  const { bootMs, factor, kernel } = machine;
  tell(
    `soft-RoCE machine booted in ${(bootMs / 1000).toFixed(1)} s, ` +
      `${factor.toFixed(1)} times slower than this host, kernel ${kernel}`,
  );
  return machine;
}

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
  #why = "by itself";
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

  /** Starts qemu and waits for the agent's first words. Use {@link bootMachine}. */
  static async start(
    image: MachineImage,
    options: MachineOptions,
    limitMs: number,
  ): Promise<Machine> {
    const started = performance.now();
    const folder = await Deno.makeTempDir({ prefix: "rfaas-vm-" });
    let machine: Machine;
    try {
      const settings = completed(image, options, `${folder}/qmp`);
      using listener = Deno.listen({ transport: "unix", path: settings.qmpPath });
      const [command, ...args] = qemuCommand(settings);
      const qemu = new Deno.Command(command, {
        args,
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const accepted = listener.accept().then((connection) => Qmp.greet(connection));
      accepted.catch(() => {});
      machine = new Machine(qemu, accepted, settings);
      options.signal?.addEventListener("abort", () => machine.#stop("aborted"));
      await Promise.race([accepted, machine.#ended, pause(limitMs)]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    await machine.#greet(started, limitMs);
    return machine;
  }

  async #greet(started: number, limitMs: number): Promise<void> {
    const timer = setTimeout(
      () => this.#stop(`after ${limitMs} ms without a sign of life`),
      limitMs,
    );
    try {
      const { kernel, jobMs } = await this.#line.hello;
      this.kernel = kernel;
      this.bootMs = performance.now() - started;
      this.factor = jobMs / timeFixedJob();
      this.env.RFAAS_TIME_FACTOR = this.factor.toFixed(1);
    } catch (cause) {
      await this.close();
      throw new BootError(`Cannot boot ${this.name}: ${(cause as Error).message}`, { cause });
    } finally {
      clearTimeout(timer);
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
    this.#why = why;
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
          this.#console.slice(-2000)
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

function completed(image: MachineImage, options: MachineOptions, qmpPath: string): QemuSettings {
  const { name = "one", address = "10.77.0.1/24", mtu = 1500, link } = options;
  const { memoryMiB = 3072, cpus = 2, accelerator = "tcg" } = options;
  const settings = { image, name, address, mtu, memoryMiB, cpus, accelerator, qmpPath };
  return link ? { ...settings, link } : settings;
}

function passedEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => PASSED.test(name)),
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => Deno.unrefTimer(setTimeout(resolve, ms)));
}
