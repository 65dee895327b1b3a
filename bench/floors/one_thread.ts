/**
 * Client and worker of a call in one thread, over shared memory that only this thread maps: the production code of both
 * ends, which take turns, so that neither end waits and no cache line changes cores.
 *
 * @module
 */
import { openCpu } from "../../ffi/cpu.ts";
import { openLibc } from "../../ffi/libc.ts";
import { Access, type Provider } from "../../fabric/fabric.ts";
import { openShm } from "../../fabric/shm/provider.ts";
import { type AttachMessage, receiveJson, sendJson } from "../../runtime/protocol/attach.ts";
import { CallServer } from "../../runtime/executor/worker/call_server.ts";
import type { PackageFunction } from "../../runtime/executor/package/package_function.ts";
import { watchTotals, watchWords } from "../../runtime/executor/watch_words.ts";
import { WorkClock } from "../../runtime/executor/worker/work_clock.ts";
import { CallStats } from "../../runtime/call/call_stats.ts";
import type { CallHost } from "../../runtime/call/call_host.ts";
import { PreparedCall } from "../../runtime/call/prepared_call.ts";
import { arenaLayout, MESSAGE_BYTES, receivesFor } from "../../runtime/protocol/wire.ts";
import { attachWorker } from "../../runtime/call/attach_worker.ts";
import type { WorkerSession } from "../../runtime/call/worker_session.ts";

/** Timeout for the two ends to attach. */
const ATTACH_TIMEOUT_MS = 5000;

export interface OneThreadOptions {
  readonly depth: number;
  readonly maxBytes: number;
  readonly functions: Readonly<Record<string, PackageFunction>>;
  /** The sequence number before the first. @default 0 */
  readonly firstSequence?: number;
  /** @default {openShm} */
  readonly openFabric?: () => Provider;
}

/** Both ends, attached. */
export interface OneThread extends AsyncDisposable {
  readonly session: WorkerSession;
  readonly server: CallServer;
  /** Makes a prepared call on the session, as a lease does. */
  prepare(name: string, bytes: number): PreparedCall;
}

/** Attaches the session of a client to the server of a worker, both in this thread. */
export async function openOneThread(options: OneThreadOptions): Promise<OneThread> {
  const { depth, maxBytes, functions, firstSequence = 0, openFabric = openShm } = options;
  const cleanUp = new AsyncDisposableStack();
  try {
    const libc = openLibc();
    cleanUp.defer(() => libc.close());
    const cpu = openCpu(libc);
    cleanUp.defer(() => cpu.close());
    const fabric = cleanUp.use(openFabric());
    const listener = cleanUp.use(await fabric.listen());
    const attaching = attachWorker(fabric, {
      address: listener.address,
      worker: 0,
      secret: new Uint8Array(16),
      depth,
      maxBytes,
      firstSequence,
      timeoutMs: ATTACH_TIMEOUT_MS,
    });
    const request = await listener.accept({ signal: AbortSignal.timeout(ATTACH_TIMEOUT_MS) });
    const layout = arenaLayout(depth, maxBytes);
    const connection = cleanUp.use(
      await request!.accept({
        arenaBytes: layout.arenaBytes,
        receiveDepth: receivesFor(depth) + 1,
        sendDepth: receivesFor(depth),
        receives: [{ id: 0, offset: layout.receiveAt, length: MESSAGE_BYTES }],
      }),
    );
    const attach = await receiveJson(connection, layout.receiveAt, {
      timeoutMs: ATTACH_TIMEOUT_MS,
    });
    const { address, rkey } = connection.register(
      layout.inboundAt,
      layout.inboundBytes,
      Access.REMOTE_WRITE,
    );
    const watch = new Int32Array(new SharedArrayBuffer(4 * watchWords(depth)));
    const server = new CallServer(connection, {
      longest: 0,
      layout,
      depth,
      maxBytes,
      inline: true,
      remote: attach as AttachMessage,
      firstSequence,
      watch,
      clock: new WorkClock(cpu.cycles, watch, watchTotals(watch)),
    });
    server.serve(Object.values(functions));
    const area = new Uint8Array(connection.buffer(layout.sendAt, MESSAGE_BYTES));
    const ready = { address, rkey, functions: Object.keys(functions), inline: true };
    sendJson(connection, layout.sendAt, area, ready);
    const session = await attaching;
    cleanUp.defer(() => session.close());
    const host = hostOf(session, maxBytes);
    return {
      session,
      server,
      prepare: (name, bytes) => new PreparedCall(host, name, { bytes, resultBytes: bytes }),
      [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
    };
  } catch (error) {
    await cleanUp.disposeAsync();
    throw error;
  }
}

/** Stands for the lease of a prepared call. Members that only a loss or a wait needs throw, so that each wait ends. */
function hostOf(session: WorkerSession, maxBytes: number): CallHost {
  const endWait = () => {
    throw new Error("Cannot wait: the other end is this thread");
  };
  const lost = () => new Error(`Cannot complete the call: ${session.connection.reason}`);
  return {
    stats: new CallStats(false),
    maxBytes,
    sessionFor: () => session,
    onLost: () => {
      throw lost();
    },
    lossError: lost,
    live: endWait,
    kick: () => {},
    awaitLossReason: () =>
      Promise.reject(new Error("Cannot lose the worker: it is in this thread")),
    onFree: () => {},
    yieldCore: endWait,
  };
}
