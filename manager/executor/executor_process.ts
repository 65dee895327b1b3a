/** One executor as its manager sees it: a process and the control channel to it. */

import { constants } from "node:os";
import type { ConnectionRequest } from "../../fabric/fabric.ts";
import {
  ControlChannel,
  ControlError,
  controlOptions,
} from "../../runtime/control/control_channel.ts";
import { Listening, Started, type StartRequest } from "../../runtime/executor/start_request.ts";
import { LogBatch } from "../../runtime/control/log_relay.ts";
import { MAX_PACKAGE_BYTES } from "../../runtime/protocol/node_protocol.ts";
import { packageKind } from "../../runtime/package/package_kind.ts";
import { MAX_REASON_CHARACTERS } from "../../runtime/policy.ts";
import * as v from "../../runtime/valibot.ts";
import type { ExecutorCommand } from "./executor_command.ts";
import { ExecutorUsage } from "./executor_usage.ts";
import type { Usage } from "./lease_meter.ts";
import {
  type MemoryBound,
  type MemoryBounds,
  memoryLimitBytes,
  memoryReason,
} from "./limits/memory_limit.ts";

/** How long a process may take to connect back; an emulated machine was seen to need more than ten seconds. */
const BOOT_MS = 20_000;
/** How long it may take to start its workers: more than a worker may take to listen, so that its own reason comes. */
const START_MS = 15_000;
/** How long a process may take to end by itself before it is killed. */
const STOP_MS = 1000;
/** How long its exit status and its last words may take once it is known to be ending. */
const END_MS = 3000;
/** What is kept of an executor's standard error, to tell why it died. */
const MAX_STDERR_CHARS = 2000;

/** Signals that a process brings upon itself. */
const CRASHES = new Set<string>(["SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT"]);

/** Why an executor is no more: one word before the colon for those the library tells apart. */
export type EndReason = string;

/** What a node has for each of its executors. */
export interface ExecutorHost {
  readonly managerAddress: string;
  /** The processor time that the kernel has counted for a process. */
  readonly cpuNs: (pid: number) => bigint | undefined;
  /** Ends a process: Deno lets only those end any that may start any. */
  readonly kill: (pid: number) => void;
  readonly memory: MemoryBounds;
}

export class ExecutorProcess {
  /** Settles with the reason once the process is gone. */
  readonly ended: Promise<EndReason>;
  /** Told what its functions log. */
  onLog: ((batch: LogBatch) => void) | undefined;
  readonly #child: Deno.ChildProcess;
  #pid: number;
  readonly #overdue = Promise.withResolvers<undefined>();
  #endTimer: ReturnType<typeof setTimeout> | undefined;
  #control: ControlChannel | undefined;
  /** Where its first worker listens in shared memory, once it does. */
  #near: string | undefined;
  #said = "";
  #gone = false;
  readonly #host: ExecutorHost;
  readonly #cpuNs: () => bigint | undefined;
  #usage: ExecutorUsage | undefined;
  #memory: Promise<MemoryBound> | undefined;
  #memoryLimitBytes = 0;
  #stderr = "";

  private constructor(child: Deno.ChildProcess, host: ExecutorHost) {
    this.#host = host;
    this.#child = child;
    this.#pid = child.pid;
    this.#cpuNs = () => this.#gone ? undefined : host.cpuNs(this.#pid);
    this.ended = this.#watch();
  }

  /**
   * Starts a process and waits until it has connected.
   *
   * @param host where it finds its manager, and its limits.
   * @param arrival gives the connection request that shows `secret`, or rejects.
   */
  static async boot(
    command: ExecutorCommand,
    host: ExecutorHost,
    arrival: (secret: string, signal: AbortSignal) => Promise<ConnectionRequest>,
  ): Promise<ExecutorProcess> {
    const secret = crypto.getRandomValues(new Uint8Array(16)).toHex();
    const child = new Deno.Command(command.program, command.options).spawn();
    const { managerAddress, memory } = host;
    const process = new ExecutorProcess(child, host);
    const gone = new AbortController();
    const timer = setTimeout(
      () => gone.abort(new Error(`no connection within ${BOOT_MS} ms`)),
      BOOT_MS,
    );
    process.ended.then((reason) => gone.abort(new Error(reason)));
    try {
      const arrived = arrival(secret, gone.signal);
      arrived.catch(() => {}); // awaited below, unless the greeting fails first
      const stdin = child.stdin.getWriter();
      await stdin.write(
        new TextEncoder().encode(JSON.stringify({ manager: managerAddress, secret })),
      );
      await stdin.close();
      const request = await arrived;
      process.#pid = request.peerProcess || child.pid;
      process.#memory = memory.bound(process.#pid, () => process.kill());
      process.#memory.catch(() => {}); // told when it gets its lease
      const connection = await request.accept(controlOptions(MAX_PACKAGE_BYTES));
      process.#control = new ControlChannel(connection, {
        request: (type, body) => {
          if (type !== "log") {
            throw new ControlError(`Cannot ${type}: a manager does not know how`, "bad-request");
          }
          process.onLog?.(v.parse(LogBatch, body));
        },
        notice: (type, body) => {
          if (type === "ended") process.#hearLastWords(body);
          else if (type === "listening") process.#near = v.parse(Listening, body).address;
        },
      });
      process.#control.closed.then(() => process.#expectEnd());
      return process;
    } catch (error) {
      process.kill();
      await process.ended;
      throw new ControlError(`Cannot start an executor: ${(error as Error).message}`, "failed", {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** The executor itself; a sandbox may stand between it and the process that was started. */
  get pid(): number {
    return this.#pid;
  }

  /** What it has spent since it got its lease; complete once it has ended. */
  get usage(): Usage {
    return this.#usage?.read() ?? { computeNs: 0n, pollNs: 0n };
  }

  /** What the kernel has counted for it since then, in nanoseconds. */
  get spentNs(): bigint {
    return this.#usage?.spentNs ?? 0n;
  }

  /**
   * Gives it its lease; returns the addresses of its workers. A single worker that listens already is told at once:
   * its client connects while it gets its work. Should that fail, the process ends.
   */
  async start(
    request: Omit<StartRequest, "package" | "counters">,
    source: Uint8Array,
  ): Promise<string[]> {
    const { counters } = this.#control!;
    this.#usage = new ExecutorUsage(counters, this.#cpuNs, packageKind(source) === "native");
    this.#memoryLimitBytes = memoryLimitBytes(request);
    (await this.#memory!).set(this.#memoryLimitBytes);
    const lent = this.#control!.lend(source);
    const starting = this.#control!.request("start", {
      ...request,
      counters: counters.lend(),
      package: lent,
    }, {
      timeoutMs: START_MS,
    });
    if (this.#near === undefined || request.workers > 1 || request.listen !== "shm") {
      return v.parse(Started, await starting).addresses;
    }
    starting.catch(() => this.kill());
    return [this.#near];
  }

  /** Asks it to end, and kills it if it does not. */
  async stop(): Promise<void> {
    this.#control?.notify("stop");
    const timer = setTimeout(() => this.kill(), STOP_MS);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.#expectEnd();
    // A container does not end with what started it.
    if (this.#isInside && !this.#gone) this.#host.kill(this.#pid);
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // gone already
    }
  }

  /** A sandbox stands around it. */
  get #isInside(): boolean {
    return this.#pid !== this.#child.pid;
  }

  #hearLastWords(body: unknown): void {
    const { reason, cpuNs } = Object(body) as { reason?: unknown; cpuNs?: unknown };
    // Cut here as well: an executor that has been taken over says what it likes, and this is passed on in a message.
    this.#said = typeof reason === "string" ? reason.slice(0, MAX_REASON_CHARACTERS) : "";
    if (typeof cpuNs === "string" && /^\d{1,18}$/.test(cpuNs)) this.#usage?.told(BigInt(cpuNs));
  }

  async #watch(): Promise<EndReason> {
    const reading = this.#readStderr().catch(() => {});
    const status = await Promise.race([this.#child.status, this.#overdue.promise]);
    if (!status) this.kill(); // its channel has ended, but it has not
    this.#gone = true; // its number may be another's from now on
    this.#expectEnd();
    // What it sent before it ended may still lie in memory; the channel closes once that has been read.
    const lastWords = Promise.all([reading, this.#control?.closed]);
    await Promise.race([lastWords, this.#overdue.promise]);
    clearTimeout(this.#endTimer);
    this.#control?.close("the executor has ended");
    if (await this.#wasOverMemory()) return memoryReason(this.#memoryLimitBytes);
    if (this.#said !== "") return this.#said;
    if (!status) return "killed: its exit status did not come";
    // V8 ends the process when a heap is full, and says so as its last words.
    if (/out of memory/i.test(this.#stderr)) return "limit: memory: the JavaScript heap was full";
    const signal = status.signal ?? (this.#isInside ? signalOf(status.code) : undefined);
    if (signal) return `${CRASHES.has(signal) ? "crashed" : "killed"}: ${signal}`;
    return `crashed: exit status ${status.code}${this.#stderr ? `, ${this.#stderr}` : ""}`;
  }

  /** Lets its memory bound go. @returns whether that was why it has ended. */
  async #wasOverMemory(): Promise<boolean> {
    const bound = await this.#memory?.catch(() => undefined);
    const wasOver = bound?.wasOver() ?? false;
    bound?.release();
    return wasOver;
  }

  /** From now on the end is waited for, but not for ever. */
  #expectEnd(): void {
    this.#endTimer ??= setTimeout(() => this.#overdue.resolve(undefined), END_MS);
  }

  async #readStderr(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stderr) {
      this.#stderr = (this.#stderr + decoder.decode(chunk, { stream: true })).slice(
        -MAX_STDERR_CHARS,
      );
    }
  }
}

/** The signal that a command inside a sandbox, or of a shell, was ended by: its exit status is 128 and the number. */
function signalOf(code: number): string | undefined {
  return Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
}
