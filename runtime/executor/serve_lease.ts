/**
 * A worker's life, from its task to its end.
 *
 * The order matters. FFI first: accept, map every slot. Then the thread gives up the right to FFI; open symbols and
 * mapped buffers stay usable. Only then is the package loaded.
 */

import { keepOnCores } from "../../ffi/affinity.ts";
import { openCpu } from "../../ffi/cpu.ts";
import type { Libc } from "../../ffi/libc.ts";
import { addressOf } from "../../ffi/thread_memory.ts";
import { limitResources } from "../../ffi/resource_limits.ts";
import { requestTimeSlice } from "../../ffi/time_slice.ts";
import type { Listener } from "../../fabric/fabric.ts";
import type { Fabrics } from "../../fabric/open.ts";
import { packageKind } from "../package/package_kind.ts";
import { FOREIGN_CODE_LIMITS, WORKER_SLICE_MS } from "../policy.ts";
import type { PackageFailure } from "../protocol/attach.ts";
import { type EndReason, endReason } from "../protocol/end_reason.ts";
import { arenaLayout, GIVEN_UP_AT, MESSAGE_BYTES } from "../protocol/wire.ts";
import { acceptClient, type AttachedClient, awaitDisconnect, CLIENT_MS } from "./accept_client.ts";
import { awaitTask } from "./await_task.ts";
import type { CallContexts } from "./context/call_context.ts";
import { consoleClass, removeInternals } from "./context/deno_internals.ts";
import { hidePlaces } from "./context/host_places.ts";
import { leaseContext, runDispose } from "./context/lease_context.ts";
import { LogGate } from "./context/log_gate.ts";
import { replaceConsole } from "./context/package_console.ts";
import { replaceOutput } from "./context/package_output.ts";
import { makeServer } from "./worker/lease_server.ts";
import { type Hook, type LoadedPackage, loadPackage } from "./package/load_package.ts";
import { openNativePackage } from "./package/native_package.ts";
import { loadWasm } from "./package/wasm_package.ts";
import { ANSWERS, THREAD, watchTotals } from "./watch_words.ts";
import type { CallServer } from "./worker/call_server.ts";
import { Denials } from "./worker/denials.ts";
import { failureText } from "./worker/failure.ts";
import { WorkClock } from "./worker/work_clock.ts";
import type { WorkerReport, WorkerTask } from "./worker_task.ts";

/** The most bytes of what a package threw: JSON within the JSON of the ready message, where each may take up to two. */
const LOAD_FAILURE_BYTES = MESSAGE_BYTES / 4;

const post: (port: MessagePort, message: WorkerReport) => void = Function.prototype.call.bind(
  MessagePort.prototype.postMessage,
);

/** What the thread has opened before it has a lease. */
export interface OpenWorker {
  readonly libc: Libc;
  readonly fabrics: Fabrics;
  /** Where it listens in shared memory. */
  readonly listener: Listener;
}

export type WorkerEnd = Extract<WorkerReport, { ended: EndReason }>;

/** Waits for a task, and serves it until it ends. */
export async function serveLease(port: MessagePort, opened: OpenWorker): Promise<WorkerEnd> {
  const { libc, fabrics, listener: shmListener } = opened;
  libc.bindAll(); // before this thread gives up FFI, and before a task waits for it
  const { cycles } = openCpu(libc);
  const Console = consoleClass();
  removeInternals();
  hidePlaces();
  const task = await awaitTask(port, async (sample) => {
    const { rehearse } = await import("./worker/rehearse.ts"); // code that a cold start does not need
    await rehearse({ libc, cycles, fabrics }, sample);
  });
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
  replaceConsole(Console, gate);
  replaceOutput(gate);
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
