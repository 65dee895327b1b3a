/** The time between the start of a worker's thread and its lease. */

import type { ToWorker, WorkerReport, WorkerTask } from "./worker_task.ts";

/**
 * Resolves with the task, after the rehearsal if one has begun.
 *
 * @param rehearse runs a sample task, when the main thread requests it.
 */
export async function awaitTask(
  port: MessagePort,
  rehearse: (sample: WorkerTask) => Promise<void>,
): Promise<WorkerTask> {
  const { promise, resolve } = Promise.withResolvers<WorkerTask>();
  let rehearsed: Promise<void> | undefined;
  port.onmessage = ({ data }: MessageEvent<ToWorker>) => {
    if (!("rehearse" in data)) return resolve(data);
    const report = (rehearsed: string) => port.postMessage({ rehearsed } satisfies WorkerReport);
    rehearsed = rehearse(data.rehearse).then(() => report(""), (error) => report(`${error}`));
  };
  const task = await promise;
  port.onmessage = null;
  await rehearsed; // none of it may run beside foreign code
  return task;
}
