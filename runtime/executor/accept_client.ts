/** The client of a worker: it presents the lease's secret, attaches, and receives the list of functions. */

import { nowMs } from "../../ffi/intrinsics.ts";
import {
  Access,
  type Connection,
  type ConnectionOptions,
  type Listener,
} from "../../fabric/fabric.ts";
import {
  type AttachMessage,
  AttachRefusal,
  checkAttach,
  type ReadyMessage,
  receiveJson,
  sendJson,
} from "../protocol/attach.ts";
import { type ArenaLayout, MESSAGE_BYTES, receivesFor } from "../protocol/wire.ts";
import type { WorkerTask } from "./worker_task.ts";

/** How long a worker waits for its client. */
export const CLIENT_MS = 10_000;
/** How long a client may take between connecting and attaching. */
const ATTACH_MS = 5_000;

/** A client that has attached. */
export interface AttachedClient {
  readonly connection: Connection;
  readonly attach: AttachMessage;
  /** Sends the functions, or why there are none. */
  ready(message: Pick<ReadyMessage, "functions" | "inline" | "error">): void;
}

/** The options of a worker's connection. */
export function connectionOptions(depth: number, layout: ArenaLayout): ConnectionOptions {
  return {
    arenaBytes: layout.arenaBytes,
    receiveDepth: receivesFor(depth) + 1,
    sendDepth: receivesFor(depth),
    receives: [{ id: 0, offset: layout.receiveAt, length: MESSAGE_BYTES }],
  };
}

/**
 * Accepts the client, and registers the slots that it writes. Closes the listener.
 *
 * @returns `undefined` if no client presents the secret in time.
 * @throws {Error} if the client does not attach in time, or for other slots than the lease has.
 */
export async function acceptClient(
  listener: Listener,
  task: WorkerTask,
  layout: ArenaLayout,
): Promise<AttachedClient | undefined> {
  const connection = await acceptConnection(listener, task, layout);
  listener.close();
  if (!connection) return undefined;
  const message = await receiveJson(connection, layout.receiveAt, { timeoutMs: ATTACH_MS });
  const attach = checkMessage(message, task);
  const region = connection.register(layout.inboundAt, layout.inboundBytes, Access.REMOTE_WRITE);
  const area = new Uint8Array(connection.buffer(layout.sendAt, MESSAGE_BYTES));
  return {
    connection,
    attach,
    ready: (message) =>
      sendJson(connection, layout.sendAt, area, {
        address: region.address,
        rkey: region.rkey,
        ...message,
      }),
  };
}

/** Waits until the client has disconnected, at most {@linkcode ATTACH_MS}: it has received the last message then. */
export async function awaitDisconnect(connection: Connection): Promise<void> {
  const untilMs = nowMs() + ATTACH_MS;
  for (;;) {
    while (connection.poll());
    const leftMs = untilMs - nowMs();
    if (connection.state !== "connected" || leftMs <= 0) return;
    await connection.wait({ timeoutMs: leftMs });
  }
}

async function acceptConnection(
  listener: Listener,
  task: WorkerTask,
  layout: ArenaLayout,
): Promise<Connection | undefined> {
  const signal = AbortSignal.timeout(CLIENT_MS);
  for (;;) {
    const request = await listener.accept({ signal }).catch(() => undefined);
    if (!request) return undefined;
    const refusal = checkAttach(request.privateData, task.worker, task.secret);
    if (refusal === 0) return await request.accept(connectionOptions(task.depth, layout));
    request.reject(Uint8Array.of(refusal));
  }
}

function checkMessage(message: unknown, task: WorkerTask): AttachMessage {
  const attach = message as AttachMessage;
  const isValid = typeof message === "object" && message !== null &&
    Number.isSafeInteger(attach.address) &&
    attach.address >= 0 && Number.isInteger(attach.rkey) &&
    Number.isInteger(attach.firstSequence) &&
    attach.depth === task.depth && attach.maxBytes === task.maxBytes;
  if (isValid) return attach;
  throw new Error(
    `Cannot serve client: its attach message is invalid (${AttachRefusal.MALFORMED})`,
  );
}
