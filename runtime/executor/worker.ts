/**
 * The entry of a worker thread. It is bundled to one file and exports nothing: foreign code may import any module that
 * is loaded, and finds an empty one here. What this module can do lies in its closures.
 *
 * The order matters. FFI first: listen, accept, map every slot. Then the thread gives up the right to FFI; open symbols
 * and mapped buffers stay usable. Only then is the package loaded.
 */

import { keepOnCores } from "../../ffi/affinity.ts";
import { openCpu } from "../../ffi/cpu.ts";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { addressOf } from "../../ffi/thread_memory.ts";
import { limitResources } from "../../ffi/resource_limits.ts";
import { requestTimeSlice } from "../../ffi/time_slice.ts";
import { Fabrics } from "../../fabric/open.ts";
import type { LeaseContext } from "../functions/function_context.ts";
import { packageKind } from "../package/package_kind.ts";
import { FOREIGN_CODE_LIMITS, WORKER_SLICE_MS } from "../policy.ts";
import type { PackageFailure } from "../protocol/attach.ts";
import { type EndReason, endReason } from "../protocol/end_reason.ts";
import { readTrace } from "../protocol/trace_words.ts";
import { arenaLayout, GIVEN_UP_AT, MESSAGE_BYTES, timeLeftOf } from "../protocol/wire.ts";
import { acceptClient, type AttachedClient, awaitDisconnect, CLIENT_MS } from "./accept_client.ts";
import { awaitTask } from "./await_task.ts";
import { CallContexts } from "./context/call_context.ts";
import { removeInternals } from "./context/deno_internals.ts";
import { hidePlaces } from "./context/host_places.ts";
import { leaseContext, runDispose } from "./context/lease_context.ts";
import { LogGate } from "./context/log_gate.ts";
import { replaceConsole } from "./context/package_console.ts";
import { replaceOutput } from "./context/package_output.ts";
import { CoreToken } from "./core_token.ts";
import { type Hook, type LoadedPackage, loadPackage } from "./package/load_package.ts";
import { openNativePackage } from "./package/native_package.ts";
import { loadWasm } from "./package/wasm_package.ts";
import { ANSWERS, THREAD, watchTotals } from "./watch_words.ts";
import { CallServer } from "./worker/call_server.ts";
import { CoreShare } from "./worker/core_share.ts";
import { Denials } from "./worker/denials.ts";
import { failureText } from "./worker/failure.ts";
import { WorkClock } from "./worker/work_clock.ts";
import { WorkerLoop } from "./worker/worker_loop.ts";
import type { WorkerReport, WorkerStart, WorkerTask } from "./worker_task.ts";

/** The most bytes of what a package threw: JSON within the JSON of the ready message, where each may take up to two. */
const LOAD_FAILURE_BYTES = MESSAGE_BYTES / 4;

const post: (port: MessagePort, message: WorkerReport) => void = Function.prototype.call.bind(
  MessagePort.prototype.postMessage,
);

addEventListener("message", async (event) => {
  const { port } = (event as MessageEvent<WorkerStart>).data;
  let end: WorkerEnd;
  try {
    end = await work(port);
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : "unknown failure";
    end = { ended: endReason("crashed", text) };
  }
  post(port, end);
}, { once: true });

async function work(port: MessagePort): Promise<WorkerEnd> {
  const libc = openLibc();
  const { cycles } = openCpu(libc);
  const fabrics = new Fabrics();
  const shmListener = await fabrics.listen("shm");
  post(port, { address: shmListener.address });

  const task = await awaitTask(port, fabrics);
  const watch = new Int32Array(task.watch);
  watch[THREAD] = libc.c.gettid();
  requestTimeSlice(libc, WORKER_SLICE_MS); // has no effect before Linux 6.12
  if (task.pin !== undefined) keepOnCores(libc, [task.pin]);
  const clock = new WorkClock(cycles, watch, watchTotals(watch));
  let listener = shmListener;
  if (task.listen !== "shm") {
    shmListener.close();
    listener = await fabrics.listen(task.listen);
    post(port, { address: listener.address });
  }
  const client = await acceptClient(listener, task, arenaLayout(task.depth, task.maxBytes));
  if (!client) {
    const text = `no client attached within ${CLIENT_MS} ms`;
    return { ended: endReason("client-gone", text) };
  }
  const { connection } = client;
  reportSlots(port, task, client);
  const gate = task.logs
    ? new LogGate(
      (log, level) => post(port, { log, level }),
      watch,
      1 / task.workers,
    )
    : undefined;
  const lease = leaseContext(task, gate);
  const { server, contexts, loop } = makeServer(libc, task, client, watch, clock, lease);
  let dispose: Hook | undefined;
  let at: PackageFailure["at"] = "load";
  replaceConsole(gate);
  removeInternals();
  replaceOutput(gate);
  hidePlaces();
  const denials = new Denials();
  denials.listen();
  const load = async () => {
    const loaded = await loadFunctions(libc, task, server, contexts, watch);
    at = "init";
    if (loaded.init) await loaded.init(lease);
    return loaded;
  };
  try {
    const loaded = await denials.during(load());
    dispose = loaded.dispose;
    server.serve(loaded.functions, loaded.streams);
    client.ready({ functions: loaded.entries, inline: server.inline });
  } catch (error) {
    const failure = failureText(error, LOAD_FAILURE_BYTES);
    client.ready({ functions: [], inline: false, error: { at, failure } });
    await awaitDisconnect(connection);
    return { ended: endReason("failed", "the package could not be loaded") };
  }
  denials.listen(); // after the package's own listeners
  denials.onDenied = (denial) => {
    if (server.failPending(denial) > 0) return;
    gate?.log(`${denial.name}: ${denial.message}`, "error");
  };
  clock.slept(); // the time to load the package is not billed as polling
  const ended = await loop.run();
  const orderly = ended.code === "stopped" || connection.state === "disconnected";
  if (orderly) server.abandonStreams();
  if (dispose && orderly) await runDispose(dispose, lease);
  return { ended };
}

/** Reports where the client writes the numbers of calls that it gives up, and answers the main thread from now on. */
function reportSlots(port: MessagePort, task: WorkerTask, { connection }: AttachedClient): void {
  const { inboundAt, stride } = arenaLayout(task.depth, task.maxBytes);
  const slots = Array.from({ length: task.depth }, (_, slot) => {
    const word = connection.buffer(inboundAt + slot * stride + GIVEN_UP_AT, 4);
    return addressOf(word);
  });
  const words = new Int32Array(task.watch);
  port.onmessage = () => void (words[ANSWERS] = (words[ANSWERS]! + 1) | 0);
  post(port, { givenUpAt: slots });
}

/** What serves the client's calls: mapped and registered while the thread may still use FFI. */
function makeServer(
  libc: Libc,
  task: WorkerTask,
  { connection, attach }: AttachedClient,
  watch: Int32Array,
  clock: WorkClock,
  lease: LeaseContext,
) {
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

/** Gives up the right to FFI, then loads the package: foreign code runs from here on. */
async function loadFunctions(
  libc: Libc,
  task: WorkerTask,
  server: CallServer,
  contexts: CallContexts,
  watch: Int32Array,
): Promise<LoadedPackage> {
  const kind = packageKind(task.source);
  const native = kind === "native"
    ? openNativePackage(libc, task.source, server.slots, watch)
    : undefined;
  // Native code runs in a sandbox, which bounds what it can write.
  if (!native) limitResources(libc, FOREIGN_CODE_LIMITS);
  Deno.permissions.revokeSync({ name: "ffi" });
  if (native) return native;
  if (kind === "wasm") return loadWasm(task.source, task);
  return await loadPackage(task.source, (called) => contexts.wrap(called));
}

type WorkerEnd = Extract<WorkerReport, { ended: EndReason }>;
