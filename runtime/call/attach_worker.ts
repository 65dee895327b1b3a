/** How a client attaches to a worker: the handshake from the address to the session. */

import { Access, type Provider } from "../../fabric/fabric.ts";
import { LeaseRefused } from "../errors.ts";
import {
  type AttachMessage,
  encodeAttach,
  type ReadyMessage,
  receiveJson,
  sendJson,
} from "../protocol/attach.ts";
import { Functions } from "../protocol/manifest.ts";
import { arenaLayout, MESSAGE_BYTES, receivesFor } from "../protocol/wire.ts";
import * as v from "../valibot.ts";
import { WorkerSession } from "./worker_session.ts";

const readySchema = v.object({
  address: v.pipe(v.number(), v.integer(), v.minValue(0)),
  rkey: v.pipe(v.number(), v.integer(), v.minValue(0)),
  functions: Functions,
  error: v.optional(v.object({ name: v.string(), message: v.string(), stack: v.string() })),
});

/** How to attach to a worker. */
export interface AttachOptions {
  readonly address: string;
  /** Its place in the executor. */
  readonly worker: number;
  /** Its place in the lease. @default the same */
  readonly place?: number;
  readonly secret: Uint8Array;
  readonly depth: number;
  readonly maxBytes: number;
  /** The sequence number before the first; tests start it high. */
  readonly firstSequence: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Connects to a worker and waits until its package is loaded.
 *
 * @throws {LeaseRefused} reason `bad-package` when it can't be loaded; {@linkcode FabricError} otherwise.
 */
export async function attachWorker(
  fabric: Pick<Provider, "connect">,
  options: AttachOptions,
): Promise<WorkerSession> {
  const { address, worker, secret, depth, maxBytes, firstSequence, timeoutMs, signal } = options;
  const layout = arenaLayout(depth, maxBytes);
  const bounds = { timeoutMs, ...(signal ? { signal } : {}) };
  const connection = await fabric.connect(address, {
    ...bounds,
    arenaBytes: layout.arenaBytes,
    receiveDepth: receivesFor(depth) + 1,
    sendDepth: receivesFor(depth),
    receives: [{ id: 0, offset: layout.receiveAt, length: MESSAGE_BYTES }],
    privateData: encodeAttach(worker, secret),
  });
  try {
    const region = connection.register(layout.inboundAt, layout.slotsBytes, Access.REMOTE_WRITE);
    const area = new Uint8Array(connection.buffer(layout.sendAt, MESSAGE_BYTES));
    const attach: AttachMessage = {
      address: region.address,
      rkey: region.rkey,
      depth,
      maxBytes,
      firstSequence,
    };
    connection.postReceives(receivesFor(depth));
    sendJson(connection, layout.sendAt, area, attach);
    const ready = v.parse(readySchema, await receiveJson(connection, layout.receiveAt, bounds));
    if (ready.error) {
      const { name, message, stack } = ready.error;
      throw new LeaseRefused(
        `Cannot load the function package: ${name}: ${message}`,
        "bad-package",
        { cause: stack },
      );
    }
    return new WorkerSession(connection, {
      worker: options.place ?? worker,
      depth,
      firstSequence,
      layout,
      ready: ready as ReadyMessage,
    });
  } catch (error) {
    connection.close();
    throw error;
  }
}
