/** The time between the start of a worker's thread and its lease: the worker runs once what the lease will need. */

import type { Fabrics } from "../../fabric/open.ts";
import { REHEARSE_AFTER_MS } from "../policy.ts";
import { arenaLayout } from "../protocol/wire.ts";
import { connectionOptions } from "./accept_client.ts";
import { loadPackage } from "./package/load_package.ts";
import type { WorkerTask } from "./worker_task.ts";

/** How long a worker's connection to itself may take. */
const REHEARSAL_MS = 1_000;

/** Resolves with the task, after the rehearsal if one has begun. */
export async function awaitTask(port: MessagePort, fabrics: Fabrics): Promise<WorkerTask> {
  const { promise, resolve } = Promise.withResolvers<WorkerTask>();
  let rehearsed: Promise<void> | undefined;
  const timer = setTimeout(() => {
    rehearsed = rehearse(fabrics).catch(() => {}); // a failure shows again when a lease needs it
  }, REHEARSE_AFTER_MS);
  port.onmessage = (event: MessageEvent<WorkerTask>) => resolve(event.data);
  const task = await promise;
  clearTimeout(timer);
  port.onmessage = null;
  await rehearsed; // none of it may run beside foreign code
  return task;
}

/** Connects to itself and loads an empty package: code that has run once is compiled before a lease waits for it. */
async function rehearse(fabrics: Fabrics): Promise<void> {
  const layout = arenaLayout(1, 64);
  const options = { ...connectionOptions(1, layout), timeoutMs: REHEARSAL_MS };
  const listener = await fabrics.listen("shm");
  const accepting = listener.accept().then((request) => request?.accept(options));
  const connection = await fabrics.connect(listener.address, options);
  (await accepting)?.close();
  connection.close();
  listener.close();
  await loadPackage(
    new TextEncoder().encode("export function rehearsed() {}"),
    (called) => called as never,
  );
}
