/** How a client attaches to a worker: the handshake, from the address to the session. */

import { Access, type Provider } from "../../fabric/fabric.ts";
import {
  type AttachMessage,
  encodeAttach,
  type ReadyMessage,
  receiveJson,
  sendJson,
} from "../protocol/attach.ts";
import { functionsSchema } from "../protocol/manifest.ts";
import { LeaseRefusedError } from "../errors.ts";
import { arenaLayout, MESSAGE_BYTES, receivesFor } from "../protocol/wire.ts";
import * as v from "../valibot.ts";
import { packageError, type StackTranslator } from "./thrown_error.ts";
import { WorkerSession } from "./worker_session.ts";

const readySchema = v.object({
  address: v.pipe(v.number(), v.integer(), v.minValue(0)),
  rkey: v.pipe(v.number(), v.integer(), v.minValue(0)),
  functions: functionsSchema,
  inline: v.boolean(),
  error: v.optional(v.object({ at: v.picklist(["load", "init"]), failure: v.string() })),
});

/** Options of {@linkcode attachWorker}. */
export interface AttachOptions {
  readonly address: string;
  /** The worker index. */
  readonly worker: number;
  readonly secret: Uint8Array;
  readonly depth: number;
  readonly maxBytes: number;
  /** The sequence number before the first. Tests start it high. */
  readonly firstSequence: number;
  /** How long connecting may take. */
  readonly timeoutMs: number;
  /** How long the worker may take to load its package. @default the time for connecting */
  readonly loadMs?: number;
  /** Rewrites stacks of the package's functions. @default {(stack) => stack} */
  readonly translate?: StackTranslator;
  readonly signal?: AbortSignal;
}

/** The connection ended while the worker loaded the package. The executor's end reason states why. */
export class LoadLostError extends Error {}

function loadTimeoutError(timeoutMs: number, cause: unknown): LeaseRefusedError {
  return new LeaseRefusedError(
    `Cannot load the function package: the module and its init took more than ${timeoutMs} ms`,
    "bad-package",
    { cause },
  );
}

/**
 * Connects to a worker and waits until its package is loaded.
 *
 * @throws {LeaseRefusedError} With reason `bad-package` when the package does not load, or not in time.
 * @throws {LoadLostError} When the connection ends meanwhile.
 * @throws {FabricError} When the connection fails, or times out.
 */
export async function attachWorker(
  fabric: Pick<Provider, "connect">,
  options: AttachOptions,
): Promise<WorkerSession> {
  const { address, worker, secret, depth, maxBytes, firstSequence, timeoutMs, signal } = options;
  const { loadMs = timeoutMs, translate = (stack) => stack } = options;
  const layout = arenaLayout(depth, maxBytes);
  const bounds = signal ? { signal } : {};
  const connection = await fabric.connect(address, {
    ...bounds,
    timeoutMs,
    arenaBytes: layout.arenaBytes,
    receiveDepth: receivesFor(depth) + 1,
    sendDepth: receivesFor(depth),
    receives: [{ id: 0, offset: layout.receiveAt, length: MESSAGE_BYTES }],
    privateData: encodeAttach(worker, secret),
  });
  try {
    const region = connection.register(layout.inboundAt, layout.inboundBytes, Access.REMOTE_WRITE);
    const area = new Uint8Array(connection.buffer(layout.sendAt, MESSAGE_BYTES));
    const attach: AttachMessage = {
      address: region.address,
      rkey: region.rkey,
      depth,
      maxBytes,
      firstSequence,
    };
    if (connection.shared === undefined) connection.postReceives(receivesFor(depth));
    sendJson(connection, layout.sendAt, area, attach);
    const loading = receiveJson(connection, layout.receiveAt, { ...bounds, timeoutMs: loadMs });
    const message = await loading.catch((cause) => {
      signal?.throwIfAborted();
      throw connection.state === "connected"
        ? loadTimeoutError(loadMs, cause)
        : new LoadLostError(connection.reason, { cause });
    });
    const ready = v.parse(readySchema, message);
    if (ready.error) throw packageError(ready.error, translate);
    return new WorkerSession(connection, {
      worker,
      depth,
      firstSequence,
      layout,
      ready: ready as ReadyMessage,
      translate,
    });
  } catch (error) {
    connection.close();
    throw error;
  }
}
