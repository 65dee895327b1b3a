/**
 * Client and worker of a call in one thread, over shared memory that this thread alone maps: the real code of both ends,
 * which take turns, so that nobody ever waits for anybody and no cache line changes cores.
 *
 * @module
 */
import { openCpu } from "../ffi/cpu.ts";
import { openLibc } from "../ffi/libc.ts";
import { Access } from "../fabric/fabric.ts";
import { openShm } from "../fabric/shm/provider.ts";
import { type AttachMessage, receiveJson, sendJson } from "../runtime/protocol/attach.ts";
import { CallServer } from "../runtime/executor/call_server.ts";
import type { PackageFunction } from "../runtime/executor/package_function.ts";
import { watchTotals, watchWords } from "../runtime/executor/watch_words.ts";
import { WorkClock } from "../runtime/executor/work_clock.ts";
import { type CallHost, PreparedCall } from "../runtime/call/prepared_call.ts";
import { arenaLayout, MESSAGE_BYTES, receivesFor } from "../runtime/protocol/wire.ts";
import { attachWorker } from "../runtime/call/attach_worker.ts";
import type { WorkerSession } from "../runtime/call/worker_session.ts";

/** How long the two ends may take to find each other. */
const ATTACH_MS = 5000;

export interface OneThreadOptions {
  readonly depth: number;
  readonly maxBytes: number;
  readonly functions: Readonly<Record<string, PackageFunction>>;
}

/** Both ends, attached to each other. */
export interface OneThread extends AsyncDisposable {
  readonly session: WorkerSession;
  readonly server: CallServer;
  /** A prepared call on the session, as a lease makes them. */
  prepare(name: string, bytes: number): PreparedCall;
}

/** Attaches a client's session to a worker's server, both of this thread. */
export async function openOneThread(options: OneThreadOptions): Promise<OneThread> {
  const { depth, maxBytes, functions } = options;
  const cleanUp = new AsyncDisposableStack();
  try {
    const libc = openLibc();
    cleanUp.defer(() => libc.close());
    const cpu = openCpu(libc);
    cleanUp.defer(() => cpu.close());
    const fabric = cleanUp.use(openShm());
    const listener = cleanUp.use(await fabric.listen());
    const attaching = attachWorker(fabric, {
      address: listener.address,
      worker: 0,
      secret: new Uint8Array(16),
      depth,
      maxBytes,
      firstSequence: 0,
      timeoutMs: ATTACH_MS,
    });
    const request = await listener.accept({ signal: AbortSignal.timeout(ATTACH_MS) });
    const layout = arenaLayout(depth, maxBytes);
    const connection = cleanUp.use(
      await request!.accept({
        arenaBytes: layout.arenaBytes,
        receiveDepth: receivesFor(depth) + 1,
        sendDepth: receivesFor(depth),
        receives: [{ id: 0, offset: layout.receiveAt, length: MESSAGE_BYTES }],
      }),
    );
    const attach = await receiveJson(connection, layout.receiveAt, { timeoutMs: ATTACH_MS });
    const { address, rkey } = connection.register(
      layout.inboundAt,
      layout.slotsBytes,
      Access.REMOTE_WRITE,
    );
    const watch = new Int32Array(new SharedArrayBuffer(4 * watchWords(depth)));
    const server = new CallServer(connection, {
      callUs: Infinity,
      layout,
      depth,
      maxBytes,
      remote: attach as AttachMessage,
      firstSequence: 0,
      watch,
      clock: new WorkClock(cpu.cycles, watch, watchTotals(watch)),
    });
    server.serve(Object.values(functions));
    const area = new Uint8Array(connection.buffer(layout.sendAt, MESSAGE_BYTES));
    const ready = { address, rkey, functions: Object.keys(functions) };
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

/** Stands for the lease that a prepared call belongs to; what only a loss or a wait needs says that it was needed. */
function hostOf(session: WorkerSession, maxBytes: number): CallHost {
  const lost = () => new Error(`Cannot go on: ${session.connection.reason}`);
  return {
    maxBytes,
    sessionFor: () => session,
    onLost: () => {
      throw lost();
    },
    lossError: lost,
    live: () => true,
    kick: () => {},
    lossLearned: () => Promise.reject(new Error("no loss is expected")),
    onFree: () => {},
    yieldCore: () => {
      throw new Error("Cannot wait: the other end is this thread");
    },
  };
}
