/**
 * A lease that a worker serves to itself while it waits for one: its client attaches, its package loads, and it is called
 * once. Code that has run before is compiled, and its memory mapped, before a lease waits for it.
 */

import type { Libc } from "../../../ffi/libc.ts";
import type { Fabrics } from "../../../fabric/open.ts";
import { attachWorker } from "../../call/attach_worker.ts";
import { arenaLayout } from "../../protocol/wire.ts";
import { acceptClient } from "../accept_client.ts";
import { leaseContext } from "../context/lease_context.ts";
import { makeServer } from "./lease_server.ts";
import { loadPackage } from "../package/load_package.ts";
import { watchTotals } from "../watch_words.ts";
import { WorkClock } from "./work_clock.ts";
import type { WorkerTask } from "../worker_task.ts";

/** How long each step between the two ends may take. */
const REHEARSAL_MS = 1_000;

/** Serves a task to itself. Once is enough, and leaves no trace: V8 keeps no feedback of code that has run once. */
export async function rehearse(
  { libc, cycles, fabrics }: {
    readonly libc: Libc;
    readonly cycles: () => number;
    readonly fabrics: Fabrics;
  },
  task: WorkerTask,
): Promise<void> {
  const { worker, secret, depth, maxBytes } = task;
  using listener = await fabrics.listen("shm");
  const { address } = listener;
  const attaching = attachWorker(fabrics, {
    address,
    worker,
    secret,
    depth,
    maxBytes,
    firstSequence: 0,
    timeoutMs: REHEARSAL_MS,
  });
  attaching.catch(() => {}); // awaited below, unless its other end fails first
  const client = await acceptClient(listener, task, arenaLayout(depth, maxBytes));
  if (client === undefined) throw new Error("no client attached");
  using _connection = client.connection;
  const watch = new Int32Array(task.watch);
  const clock = new WorkClock(cycles, watch, watchTotals(watch));
  const lease = leaseContext(task, undefined);
  const { server, contexts, loop } = makeServer(libc, task, client, watch, clock, lease);
  const { entries, functions, streams } = await loadPackage(
    task.source,
    (called) => contexts.wrap(called),
  );
  server.serve(functions, streams);
  client.ready({ functions: entries, inline: server.inline });
  const session = await attaching;
  const slot = session.acquire()!;
  session.post(slot, 0, 0, 0, 0);
  const ended = loop.run(); // it serves the call before it returns
  session.poll();
  session.release(slot);
  session.close();
  await ended;
}
