/** What serves the calls of a worker's client: mapped and registered while the thread may still use FFI. */

import type { Libc } from "../../../ffi/libc.ts";
import type { LeaseContext } from "../../functions/function_context.ts";
import { packageKind } from "../../package/package_kind.ts";
import { readTrace } from "../../protocol/trace_words.ts";
import { arenaLayout, timeLeftOf } from "../../protocol/wire.ts";
import type { AttachedClient } from "../accept_client.ts";
import { CallContexts } from "../context/call_context.ts";
import { CoreToken } from "../core_token.ts";
import { CallServer } from "./call_server.ts";
import { CoreShare } from "./core_share.ts";
import type { WorkClock } from "./work_clock.ts";
import { WorkerLoop } from "./worker_loop.ts";
import type { WorkerTask } from "../worker_task.ts";

/** The parts that share the slots of one client. */
export interface LeaseServer {
  readonly server: CallServer;
  readonly contexts: CallContexts;
  readonly loop: WorkerLoop;
}

export function makeServer(
  libc: Libc,
  task: WorkerTask,
  { connection, attach }: AttachedClient,
  watch: Int32Array,
  clock: WorkClock,
  lease: LeaseContext,
): LeaseServer {
  const { depth, maxBytes } = task;
  const layout = arenaLayout(depth, maxBytes);
  const server: CallServer = new CallServer(connection, {
    layout,
    depth,
    maxBytes,
    inline: packageKind(task.source) !== "native",
    longest: timeLeftOf(task.callMs),
    remote: attach,
    firstSequence: attach.firstSequence,
    watch,
    clock,
    onSettled: (slot) => contexts.end(slot),
    onGivenUp: (slot) => contexts.giveUp(slot),
    ...(task.coreWords ? { core: CoreToken.open(libc, task.coreWords) } : {}),
  });
  const traceOf = (slot: number, sequence: number) =>
    readTrace(server.slots[slot]!.trace, sequence);
  const contexts = new CallContexts({ ...lease, watch, traceOf }, depth);
  const loop = new WorkerLoop({
    connection,
    server,
    watch,
    clock,
    hotMs: task.hotMs,
    stopFd: task.stopFd,
    cores: new CoreShare(libc.c.sched_yield),
  });
  return { server, contexts, loop };
}
