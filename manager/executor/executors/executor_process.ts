/** One executor from the side of its manager: a process and the control channel to it. */

import { constants } from "node:os";
import type { ConnectionRequest } from "../../../fabric/fabric.ts";
import { abortable } from "../../../std/async.ts";
import {
  ControlChannel,
  ControlError,
  controlOptions,
} from "../../../runtime/control/control_channel.ts";
import { lendPiece, lendPieces, PIECE_BYTES } from "../../../runtime/control/package_pieces.ts";
import {
  listeningSchema,
  SAMPLE_PACKAGE,
  SAMPLE_START,
  startedSchema,
  type StartRequest,
} from "../../../runtime/executor/start_request.ts";
import { type LogBatch, logBatchSchema } from "../../../runtime/control/log_relay.ts";
import {
  type EndReason,
  endReason,
  executorReasonSchema,
  limitReason,
} from "../../../runtime/protocol/end_reason.ts";
import { slotSchema } from "../../../runtime/protocol/node_protocol.ts";
import { packageKind } from "../../../runtime/package/package_kind.ts";
import * as v from "../../../runtime/valibot.ts";
import type { ExecutorCommand } from "./executor_command.ts";
import { BEATS } from "../../../runtime/executor/usage_counter.ts";
import type { BeatWatch } from "./beat_watch.ts";
import { ExecutorUsage } from "./executor_usage.ts";
import { exitText } from "./exit_text.ts";
import { NO_USAGE, type Usage } from "../bills/lease_meter.ts";
import type { UsageWatch } from "./usage_watch.ts";
import type { CoreWatch } from "../limits/core_watch.ts";
import type { ThreadWatch } from "../limits/thread_watch.ts";
import { getLogger } from "../../log.ts";
import {
  hostMemoryReason,
  type MemoryBound,
  type MemoryBounds,
  memoryLimitBytes,
  memoryReason,
} from "../limits/memory_limit.ts";

/** How long a process may take to connect; an emulated machine needs more than ten seconds. */
const BOOT_MS = 20_000;
/** How long it may take to start its worker: more than that may take to listen, so that its own error arrives. */
const START_MS = 15_000;
/** How long a process may take to stop before it is killed. */
const STOP_MS = 1000;
/** How long its exit status and its last messages may take once its end is expected. */
const END_MS = 3000;
/** How much of an executor's standard error is kept, for the reason of its end. */
const MAX_STDERR_CHARS = 2000;

/** Signals that a process causes itself. */
const CRASHES = new Set<string>(["SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT"]);

/** What a node provides for each of its executors. */
export interface ExecutorHost {
  readonly managerAddress: string;
  /** The processor time that the kernel has counted for a process. */
  readonly cpuNs: (pid: number) => bigint | undefined;
  /** Kills a process by a system call: Deno requires `--allow-run` for every program to kill one. */
  readonly kill: (pid: number) => void;
  readonly memory: MemoryBounds;
  /** Notices executors that stand still. */
  readonly beats: BeatWatch;
  /** Whether a signal has stopped a process. */
  readonly isStopped: (pid: number) => boolean;
  readonly cores: Pick<CoreWatch, "watch">;
  /** Reads the processor time of executors often. */
  readonly usage: Pick<UsageWatch, "watch">;
  readonly threads: Pick<ThreadWatch, "watch">;
}

export class ExecutorProcess {
  /** The slot of the call that caused its end, if it reported one. */
  culprit: number | undefined;
  /** Settles with the reason once the process is gone. */
  readonly ended: Promise<EndReason>;
  /** Called with what its functions log. */
  onLog: ((batch: LogBatch) => void) | undefined;
  readonly #child: Deno.ChildProcess;
  #pid: number;
  readonly #overdue = Promise.withResolvers<undefined>();
  #endTimer: ReturnType<typeof setTimeout> | undefined;
  #control: ControlChannel | undefined;
  /** Where its worker listens in shared memory, once it does. */
  #shmAddress: string | undefined;
  /** Settles once the first worker listens: the last file of the executor's code is loaded. */
  readonly #loaded = Promise.withResolvers<void>();
  /** Why it has to be ended: it stands still, or has too many threads. */
  #stuck: EndReason | undefined;
  #endWatch: () => void = () => {};
  /** The reason that it reported itself. */
  #reported: EndReason | undefined;
  #gone = false;
  readonly #host: ExecutorHost;
  readonly #cpuNs: () => bigint | undefined;
  #usage: ExecutorUsage | undefined;
  #memory: Promise<MemoryBound> | undefined;
  #memoryLimitBytes = 0;
  /** The lease that it serves; undefined while it waits for one. */
  #lease: string | undefined;
  #stderr = "";
  /** The package, until the executor has read it. */
  #source: Uint8Array | undefined;

  private constructor(child: Deno.ChildProcess, host: ExecutorHost) {
    this.#host = host;
    this.#child = child;
    this.#pid = child.pid;
    this.#cpuNs = () => this.#gone ? undefined : host.cpuNs(this.#pid);
    this.ended = this.#watch();
  }

  /**
   * Starts a process and waits until it has connected, and all its code is loaded.
   *
   * @param host where it finds its manager, and its limits.
   * @param arrival resolves with the connection request that presents `secret`, or rejects.
   * @param signal ends the process before that.
   */
  static async boot(
    command: ExecutorCommand,
    host: ExecutorHost,
    arrival: (secret: string, signal: AbortSignal) => Promise<ConnectionRequest>,
    signal?: AbortSignal,
  ): Promise<ExecutorProcess> {
    signal?.throwIfAborted();
    const secret = crypto.getRandomValues(new Uint8Array(16)).toHex();
    const child = new Deno.Command(command.program, command.options).spawn();
    const { managerAddress, memory } = host;
    const process = new ExecutorProcess(child, host);
    const gone = new AbortController();
    const timer = setTimeout(
      () => gone.abort(new Error(`not ready within ${BOOT_MS} ms`)),
      BOOT_MS,
    );
    process.ended.then(({ message }) => gone.abort(new Error(message)));
    const onAbort = () => gone.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
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
      process.#memory.catch(() => {}); // thrown when it gets its lease
      const connection = await request.accept(controlOptions(PIECE_BYTES));
      process.#control = new ControlChannel(connection, {
        request: (type, body) => {
          if (type === "piece" && process.#source) {
            return lendPiece(process.#control!, process.#source, body);
          }
          if (type !== "log") throw new ControlError(`Unknown request "${type}"`, "bad-request");
          process.onLog?.(v.parse(logBatchSchema, body));
        },
        event: (type, body) => {
          if (type === "ended") process.#onEnded(body);
          else if (type === "listening") {
            process.#shmAddress = v.parse(listeningSchema, body).address;
            process.#loaded.resolve();
          }
        },
      });
      process.#control.closed.then(() => process.#expectEnd());
      await abortable(process.#loaded.promise, gone.signal);
      return process;
    } catch (error) {
      process.kill();
      await process.ended;
      throw new ControlError(`Cannot start an executor: ${(error as Error).message}`, "failed", {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** The executor itself; a sandbox may stand between it and the process that was started. */
  get pid(): number {
    return this.#pid;
  }

  /** What it has used since it got its lease; complete once it has ended. */
  get usage(): Usage {
    return this.#usage?.read() ?? NO_USAGE;
  }

  /** Its processor time since then by the kernel, in nanoseconds. */
  get spentNs(): bigint {
    return this.#usage?.spentNs ?? 0n;
  }

  /**
   * Makes it run once what a lease will need: code that has run before is compiled.
   *
   * @throws {ControlError} if a step fails, or takes too long.
   */
  async rehearse(): Promise<void> {
    const control = this.#control!;
    const sample = { ...SAMPLE_START, package: control.lend(SAMPLE_PACKAGE) };
    await control.request("rehearse", sample, { timeoutMs: START_MS });
  }

  /**
   * Gives it its lease; returns the address of its worker. If that listens already, it is returned at once, so that the
   * client connects while the worker starts. If the start then fails, the process ends.
   */
  async start(
    request: Omit<StartRequest, "package" | "counters">,
    source: Uint8Array,
  ): Promise<string> {
    const { counters } = this.#control!;
    this.#lease = request.lease;
    this.#usage = new ExecutorUsage(counters, this.#cpuNs, packageKind(source) === "native");
    this.#memoryLimitBytes = memoryLimitBytes(request);
    (await this.#memory!).set(this.#memoryLimitBytes);
    this.#source = source;
    const lent = lendPieces(this.#control!, source);
    const starting = this.#control!.request("start", {
      ...request,
      counters: counters.lend(),
      package: lent,
    }, {
      timeoutMs: START_MS,
    });
    // While the executor receives it.
    const { cores, usage, threads } = this.#host;
    const leaves = [
      cores.watch(this.#pid),
      usage.watch(() => this.spentNs),
      threads.watch(this.#pid, (reason) => this.#end(reason)),
    ];
    this.ended.then(() => leaves.forEach((leave) => leave()));
    starting.finally(() => this.#source = undefined).catch(() => {});
    starting.then(() => this.#watchBeats(this.#control!), () => {});
    if (this.#shmAddress === undefined || request.listen !== "shm") {
      return v.parse(startedSchema, await starting).address;
    }
    starting.catch(() => this.kill());
    return this.#shmAddress;
  }

  /** Whether a signal has stopped it. */
  get isStopped(): boolean {
    return !this.#gone && this.#host.isStopped(this.#pid);
  }

  /** Ends it when it stands still, from now on. */
  #watchBeats({ counters }: ControlChannel): void {
    if (this.#gone) return;
    this.#endWatch = this.#host.beats.watch({
      beats: () => counters.read(BEATS),
      isStopped: () => this.isStopped,
      onDead: (reason) => this.#end(reason),
    });
  }

  #end(reason: EndReason): void {
    this.#stuck = reason;
    this.kill();
  }

  /** Stops it, and kills it if it does not end within this time. */
  async stop(withinMs = STOP_MS): Promise<void> {
    this.#control?.notify("stop");
    const timer = setTimeout(() => this.kill(), withinMs);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.#expectEnd();
    // A container does not end with the process that started it.
    if (this.#isInside && !this.#gone) this.#host.kill(this.#pid);
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // gone already
    }
  }

  /** Whether it runs inside a sandbox. */
  get #isInside(): boolean {
    return this.#pid !== this.#child.pid;
  }

  /** A compromised executor may send anything: what does not parse is ignored. */
  #onEnded(body: unknown): void {
    const { reason, slot, cpuNs } = Object(body) as Record<string, unknown>;
    const parsed = v.safeParse(executorReasonSchema, reason);
    this.#reported = parsed.success ? parsed.output : undefined;
    const culprit = v.safeParse(slotSchema, slot);
    this.culprit = culprit.success ? culprit.output : undefined;
    if (typeof cpuNs === "string" && /^\d{1,18}$/.test(cpuNs)) this.#usage?.report(BigInt(cpuNs));
  }

  async #watch(): Promise<EndReason> {
    const reading = this.#readStderr().catch(() => {});
    const status = await Promise.race([this.#child.status, this.#overdue.promise]);
    if (!status) this.kill(); // its channel has ended, but the process has not
    this.#gone = true; // the kernel may reuse its number from now on
    this.#endWatch();
    this.#expectEnd();
    // Messages from before its end may still lie in memory; the channel closes once they are read.
    const lastMessages = Promise.all([reading, this.#control?.closed]);
    await Promise.race([lastMessages, this.#overdue.promise]);
    clearTimeout(this.#endTimer);
    this.#control?.close("the executor has ended");
    const ranOut = await this.#ranOutOfMemory();
    if (ranOut === "lease") return memoryReason(this.#memoryLimitBytes);
    if (ranOut === "host") return hostMemoryReason();
    if (this.#stuck) return this.#stuck;
    if (this.#reported) return this.#reported;
    if (!status) return endReason("killed", `it did not exit within ${END_MS} ms`);
    // V8 ends the process when a heap is full, and writes so to standard error.
    if (/out of memory/i.test(this.#stderr)) {
      return limitReason("memory", "the JavaScript heap was full");
    }
    const signal = status.signal ?? (this.#isInside ? signalOf(status.code) : undefined);
    if (signal) return endReason(CRASHES.has(signal) ? "crashed" : "killed", `ended by ${signal}`);
    if (this.#stderr !== "") {
      getLogger(["rfaas", "executor-manager", "executors"]).warn(
        "executor {pid} exited: {stderr}",
        {
          pid: this.#pid,
          stderr: this.#stderr,
          ...(this.#lease === undefined ? {} : { lease: this.#lease }),
        },
      );
    }
    const text = exitText(this.#stderr);
    const exited = `it exited with status ${status.code}`;
    return endReason("crashed", text === undefined ? exited : `${exited}: ${text}`);
  }

  /** Releases its memory bound. @returns what ran out of memory, if that caused its end. */
  async #ranOutOfMemory(): Promise<"lease" | "host" | undefined> {
    const bound = await this.#memory?.catch(() => undefined);
    const ranOut = bound?.ranOut();
    bound?.release();
    return ranOut;
  }

  /** Limits the wait for its end from now on. */
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

/** The signal that ended a command inside a sandbox, or of a shell: its exit status is 128 plus the number. */
function signalOf(code: number): string | undefined {
  return Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
}
