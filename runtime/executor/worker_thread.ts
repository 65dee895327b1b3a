/** A worker as its executor's main thread sees it: started before it is known what it will serve. */

import { ControlError } from "../control/control_channel.ts";
import type { AllPermissions } from "../permissions.ts";
import type { WorkerReport, WorkerStart, WorkerTask } from "./worker_task.ts";

/** How long a worker may take to say where it listens: it opens libraries, and a device if it is to use one. */
const LISTEN_MS = 10_000;

export class WorkerThread {
  readonly #port: MessagePort;
  /** Where it listens in shared memory. */
  readonly near: Promise<string>;
  #place = 0;
  #onReport: (report: Exclude<WorkerReport, { log: string }>) => void;

  /**
   * @param granted what its functions may do beyond computing.
   * @param onCrash told of an error that ended the thread.
   * @param onLog told each line that its functions log.
   */
  constructor(
    granted: AllPermissions,
    onCrash: (message: string) => void,
    onLog: (worker: number, text: string) => void,
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
      if ("log" in data) onLog(this.#place, data.log);
      else this.#onReport(data);
    };
    const near = Promise.withResolvers<string>();
    this.near = near.promise;
    this.#onReport = (report) => {
      if ("address" in report) return near.resolve(report.address);
      onCrash(report.ended);
    };
    thread.postMessage({ port: port2 } satisfies WorkerStart, [port2]);
  }

  /**
   * Sets it to work, once; gives the address where its client attaches.
   *
   * @param onEnded told why its loop has ended.
   */
  async serve(
    task: WorkerTask,
    onEnded: (reason: string, orderly: boolean) => void,
  ): Promise<string> {
    this.#place = task.place;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const timer = setTimeout(
      () => reject(new ControlError("Cannot start a worker: it is silent", "failed")),
      LISTEN_MS,
    );
    try {
      const near = await Promise.race([this.near, promise]);
      this.#onReport = (report) => {
        if ("address" in report) return resolve(report.address);
        reject(new ControlError(`Cannot start a worker: ${report.ended}`, "failed"));
        onEnded(report.ended, report.orderly);
      };
      this.#port.postMessage(task);
      if (task.listen === "shm") resolve(near);
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }
}
