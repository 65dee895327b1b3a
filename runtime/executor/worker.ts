/**
 * The entry of a worker thread. It is bundled to one file and exports nothing: foreign code may import any module
 * that is loaded, and would find here only an empty one. What this module can do lives in its closures.
 *
 * Order matters. FFI first: listen, accept, map every slot. Then the right to FFI is given up; open symbols and mapped
 * buffers go on working. Only then is the package loaded.
 */

import { nowMs } from "../../ffi/intrinsics.ts";
import { keepOnCores } from "../../ffi/affinity.ts";
import { openCpu } from "../../ffi/cpu.ts";
import { openLibc } from "../../ffi/libc.ts";
import { askForTimeSlice } from "../../ffi/time_slice.ts";
import {
  Access,
  type Connection,
  type ConnectionOptions,
  type Listener,
} from "../../fabric/fabric.ts";
import { Fabrics } from "../../fabric/open.ts";
import {
  type AttachMessage,
  AttachRefusal,
  checkAttach,
  receiveJson,
  sendJson,
} from "../protocol/attach.ts";
import type { FunctionEntry } from "../protocol/manifest.ts";
import { REHEARSE_AFTER_MS, WORKER_SLICE_MS } from "../policy.ts";
import { type ArenaLayout, arenaLayout, MESSAGE_BYTES, receivesFor } from "../protocol/wire.ts";
import { CallServer } from "./call_server.ts";
import { CoreShare } from "./core_share.ts";
import { CoreToken } from "./core_token.ts";
import { CallContexts } from "./call_context.ts";
import { givenUpWords, leaseContext, runDispose, runInit } from "./lease_context.ts";
import { type Hook, type LoadedPackage, loadPackage } from "./load_package.ts";
import { openNativePackage } from "./native_package.ts";
import { loadWasm } from "./wasm_package.ts";
import { packageKind } from "../package/package_kind.ts";
import { THREAD, watchTotals } from "./watch_words.ts";
import { WorkClock } from "./work_clock.ts";
import type { WorkerReport, WorkerStart, WorkerTask } from "./worker_task.ts";
import { WorkerLoop } from "./worker_loop.ts";

/** How long a worker waits for its client. */
const CLIENT_MS = 10_000;
/** How long a client may take between connecting and attaching. */
const ATTACH_MS = 5_000;
/** How long a connection to itself may take. */
const REHEARSAL_MS = 1_000;

const post: (port: MessagePort, message: WorkerReport) => void = Function.prototype.call.bind(
  MessagePort.prototype.postMessage,
);

addEventListener("message", async (event) => {
  const { port } = (event as MessageEvent<WorkerStart>).data;
  let end: WorkerEnd;
  try {
    end = await work(port);
  } catch (error) {
    const ended = error instanceof Error ? `${error.name}: ${error.message}` : "unknown failure";
    end = { ended, orderly: false };
  }
  post(port, end);
}, { once: true });

async function work(port: MessagePort): Promise<WorkerEnd> {
  const libc = openLibc();
  const { cycles } = openCpu(libc);
  const fabrics = new Fabrics();
  const near = await fabrics.listen("shm");
  post(port, { address: near.address });

  const task = await takeTask(port, fabrics);
  const { depth, maxBytes } = task;
  const watch = new Int32Array(task.watch);
  watch[THREAD] = libc.c.gettid();
  askForTimeSlice(libc, WORKER_SLICE_MS); // in vain where the kernel does not know it
  if (task.pin !== undefined) keepOnCores(libc, [task.pin]);
  const clock = new WorkClock(cycles, watch, watchTotals(watch));
  const layout = arenaLayout(depth, maxBytes);
  let listener = near;
  if (task.listen !== "shm") {
    near.close();
    listener = await fabrics.listen(task.listen);
    post(port, { address: listener.address });
  }
  const accepted = await acceptClient(listener, task, layout);
  listener.close();
  if (!accepted) return { ended: "no client came", orderly: false };
  const connection: Connection = accepted;

  const attach = await receiveJson(connection, layout.receiveAt, { timeoutMs: ATTACH_MS });
  const remote = checkMessage(attach, task);
  const region = connection.register(layout.inboundAt, layout.slotsBytes, Access.REMOTE_WRITE);
  const area = new Uint8Array(connection.buffer(layout.sendAt, MESSAGE_BYTES));
  const server = new CallServer(connection, {
    layout,
    depth,
    maxBytes,
    callUs: task.callMs * 1000,
    remote,
    firstSequence: remote.firstSequence,
    watch,
    clock,
    onSettled: (slot) => contexts.end(slot),
    ...(task.coreWords ? { core: CoreToken.open(libc, task.coreWords, task.worker) } : {}),
  });
  const lease = leaseContext(task, watch, (text) => post(port, { log: text }));
  const contexts = new CallContexts({
    ...lease,
    watch,
    givenUp: givenUpWords(connection, layout, depth, remote.firstSequence),
    sequenceOf: (slot) => server.sequenceOf(slot),
  });
  const loop = new WorkerLoop({
    contexts,
    connection,
    server,
    watch,
    clock,
    hotMs: task.hotMs,
    stopFd: task.stopFd,
    cores: new CoreShare(libc.c.sched_yield),
  });
  const ready = (
    functions: readonly FunctionEntry[],
    error?: { name: string; message: string; stack: string },
  ) =>
    sendJson(connection, layout.sendAt, area, {
      address: region.address,
      rkey: region.rkey,
      functions,
      ...(error ? { error } : {}),
    });

  let dispose: Hook | undefined;
  try {
    const kind = packageKind(task.source);
    const native = kind === "native"
      ? openNativePackage(libc, task.source, server.slots, watch)
      : undefined;
    Deno.permissions.revokeSync({ name: "ffi" });
    const loaded: LoadedPackage = native ??
      (kind === "wasm"
        ? loadWasm(task.source, task)
        : await loadPackage(task.source, (called) => contexts.wrap(called)));
    if (loaded.init) await runInit(loaded.init, lease);
    dispose = loaded.dispose;
    server.serve(loaded.functions, loaded.streams);
    ready(loaded.entries);
  } catch (error) {
    ready([], describe(error));
    await awaitEnd(connection, ATTACH_MS); // the client reads, then leaves
    return { ended: "the package could not be loaded", orderly: false };
  }
  clock.slept(); // what the package needed to load is nobody's polling
  const ended = await loop.run();
  const orderly = ended === "stopped" || connection.state === "disconnected";
  if (orderly) server.abandonStreams();
  if (dispose && orderly) await runDispose(dispose, lease);
  return { ended, orderly };
}

type WorkerEnd = Extract<WorkerReport, { ended: string }>;

/** What is to be served; the lease may come much later than the thread, which makes use of the time. */
async function takeTask(port: MessagePort, fabrics: Fabrics): Promise<WorkerTask> {
  const { promise, resolve } = Promise.withResolvers<WorkerTask>();
  let rehearsed: Promise<void> | undefined;
  const timer = setTimeout(() => {
    rehearsed = rehearse(fabrics).catch(() => {}); // whether it works is seen when it matters
  }, REHEARSE_AFTER_MS);
  port.onmessage = (event: MessageEvent<WorkerTask>) => resolve(event.data);
  const task = await promise;
  clearTimeout(timer);
  port.onmessage = null;
  await rehearsed; // nothing of it may be under way beside foreign code
  return task;
}

/** Connects to itself and loads a package of its own: code that has run once is compiled, and now nobody waits. */
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

function connectionOptions(depth: number, layout: ArenaLayout): ConnectionOptions {
  return {
    arenaBytes: layout.arenaBytes,
    receiveDepth: receivesFor(depth) + 1,
    sendDepth: receivesFor(depth),
    receives: [{ id: 0, offset: layout.receiveAt, length: MESSAGE_BYTES }],
  };
}

async function acceptClient(
  listener: Listener,
  task: WorkerTask,
  layout: ArenaLayout,
): Promise<Connection | undefined> {
  const signal = AbortSignal.timeout(CLIENT_MS);
  for (;;) {
    const request = await listener.accept({ signal }).catch(() => undefined);
    if (!request) return undefined;
    const refusal = checkAttach(request.privateData, task.worker, task.secret);
    if (refusal === 0) {
      return await request.accept(connectionOptions(task.depth, layout));
    }
    request.reject(Uint8Array.of(refusal));
  }
}

/** Waits until the peer has ended the connection, for so long at most: what was sent to it has arrived by then. */
async function awaitEnd(connection: Connection, timeoutMs: number): Promise<void> {
  const untilMs = nowMs() + timeoutMs;
  for (;;) {
    while (connection.poll());
    const leftMs = untilMs - nowMs();
    if (connection.state !== "connected" || leftMs <= 0) return;
    await connection.wait({ timeoutMs: leftMs });
  }
}

function checkMessage(message: unknown, task: WorkerTask): AttachMessage {
  const attach = message as AttachMessage;
  const sound = typeof message === "object" && message !== null &&
    Number.isSafeInteger(attach.address) &&
    attach.address >= 0 && Number.isInteger(attach.rkey) &&
    Number.isInteger(attach.firstSequence) &&
    attach.depth === task.depth && attach.maxBytes === task.maxBytes;
  if (!sound) {
    throw new Error(
      `Cannot serve client: its attach message makes no sense (${AttachRefusal.MALFORMED})`,
    );
  }
  return attach;
}

function describe(error: unknown): { name: string; message: string; stack: string } {
  try {
    if (error instanceof Error) {
      return {
        name: `${error.name}`.slice(0, 1024),
        message: `${error.message}`.slice(0, 8192),
        stack: `${error.stack ?? ""}`.slice(0, 8192),
      };
    }
    return { name: "thrown", message: String(error).slice(0, 1024), stack: "" };
  } catch {
    return { name: "thrown", message: "a value that cannot be shown", stack: "" };
  }
}
