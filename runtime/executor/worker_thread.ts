/** A worker from the side of its executor's main thread: started before there is a lease to serve. */

import { settleWithin } from "../../fabric/settle_within.ts";
import { ControlError } from "../control/control_channel.ts";
import type { LogLevel } from "../control/log_relay.ts";
import type { AllPermissions } from "../permissions.ts";
import type { EndReason } from "../protocol/end_reason.ts";
import type { ToWorker, WorkerReport, WorkerStart, WorkerTask } from "./worker_task.ts";

/** How long a worker may take to listen: it opens libraries, and a device where it needs one. */
const LISTEN_MS = 10_000;

export class WorkerThread {
  readonly #port: MessagePort;
  /** Where it listens in shared memory. */
  readonly shmAddress: Promise<string>;
  /** Called with the addresses of the words that name calls that were given up. */
  onSlots: (addresses: readonly number[]) => void = () => {};
  #onReport: (
    report: Exclude<WorkerReport, { log: string } | { givenUpAt: unknown } | { rehearsed: string }>,
  ) => void;
  readonly #rehearsed = Promise.withResolvers<string>();

  /**
   * @param granted what its functions may do beyond computing.
   * @param onCrash called with the error that ended the thread.
   * @param onLog called with each line that its functions log.
   */
  constructor(
    granted: AllPermissions,
    onCrash: (message: string) => void,
    onLog: (text: string, level: LogLevel) => void,
  ) {
    const orNone = (list: readonly string[]) => list.length > 0 && [...list];
    const thread = new Worker(new URL("./worker.js", import.meta.url), {
      type: "module",
      deno: {
        permissions: {
          ffi: true, // given up before the package is loaded
          env: orNone(granted.env),
          import: false,
          net: orNone(granted.net),
          read: orNone(granted.read),
          run: false,
          sys: false,
          write: false,
        },
      },
    });
    thread.onerror = (event) => {
      event.preventDefault();
      onCrash(event.message);
    };
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.onmessage = ({ data }: MessageEvent<WorkerReport>) => {
      if ("log" in data) onLog(data.log, data.level);
      else if ("givenUpAt" in data) this.onSlots(data.givenUpAt);
      else if ("rehearsed" in data) this.#rehearsed.resolve(data.rehearsed);
      else this.#onReport(data);
    };
    const shmAddress = Promise.withResolvers<string>();
    this.shmAddress = shmAddress.promise;
    this.#onReport = (report) => {
      if ("address" in report) return shmAddress.resolve(report.address);
      onCrash(report.ended.message);
    };
    thread.postMessage({ port: port2 } satisfies WorkerStart, [port2]);
  }

  /** Requests an answer of its event loop, which counts in the words of watch_words.ts. */
  requestAnswer(): void {
    this.#port.postMessage(null);
  }

  /** Makes it run a sample of a task, once. @throws {ControlError} code `failed`. */
  async rehearse(sample: WorkerTask): Promise<void> {
    this.#port.postMessage({ rehearse: sample } satisfies ToWorker);
    const failure = await this.#rehearsed.promise;
    if (failure !== "") throw new ControlError(`Cannot rehearse: ${failure}`, "failed");
  }

  /**
   * Makes it serve, once; returns the address where its client attaches.
   *
   * @param onEnded called with the reason when its loop has ended.
   */
  async serve(
    task: WorkerTask,
    onEnded: (reason: EndReason) => void,
  ): Promise<string> {
    const shmAddress = await this.shmAddress;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#onReport = (report) => {
      if ("address" in report) return resolve(report.address);
      const { message } = report.ended;
      reject(new ControlError(`Cannot start worker ${task.worker}: ${message}`, "failed"));
      onEnded(report.ended);
    };
    this.#port.postMessage(task);
    if (task.listen === "shm") {
      resolve(shmAddress);
      return await promise; // without a timer: Deno loads modules for the first one, in 5 ms
    }
    return await settleWithin(promise, {
      ms: LISTEN_MS,
      timeoutError: () =>
        new ControlError(
          `Cannot start worker ${task.worker}: no address reported within ${LISTEN_MS} ms`,
          "failed",
        ),
    });
  }
}
