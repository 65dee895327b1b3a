/**
 * How a client attaches to a worker: private data of 28 bytes with the request, then one message each way.
 *
 * Private data: u32 magic "rfwk", u16 version, u16 features, u32 worker, 16 bytes secret.
 */

import { encodeJson, setBytes } from "../../ffi/intrinsics.ts";
import type { Connection } from "../../fabric/fabric.ts";
import { Opcode, Status } from "../../fabric/status.ts";
import { holdsMessage } from "./private_data.ts";
import type { FunctionEntry } from "./manifest.ts";
import { FEATURES, MESSAGE_BYTES, WIRE_VERSION } from "./wire.ts";

const MAGIC = 0x6b776672; // "rfwk"
export const SECRET_BYTES = 16;
const ATTACH_BYTES = 12 + SECRET_BYTES;

/** Why a worker rejects a connection: the one byte of its private data. */
export const AttachRefusal = { MALFORMED: 1, VERSION: 2, SECRET: 3 } as const;

/** The client's message to the worker, once it is connected. */
export interface AttachMessage {
  /** The client's result slots. */
  readonly address: number;
  readonly rkey: number;
  readonly depth: number;
  readonly maxBytes: number;
  /** The sequence number before the first call's, the same for every slot. */
  readonly firstSequence: number;
}

/** Why a package could not be loaded. */
export interface PackageFailure {
  /** What threw: the module while it loaded, or its hook `init`. */
  readonly at: "load" | "init";
  /** What was thrown, in the form of failure.ts. */
  readonly failure: string;
}

/** The worker's message, once its package is loaded. */
export interface ReadyMessage {
  /** The worker's argument slots. */
  readonly address: number;
  readonly rkey: number;
  /** The functions; a call names one by its index here. */
  readonly functions: readonly FunctionEntry[];
  /**
   * Whether short arguments and results may be in the slots' lines, where memory is shared. A native function uses the
   * slots alone.
   */
  readonly inline: boolean;
  /** Why the package could not be loaded; then the worker serves nothing. */
  readonly error?: PackageFailure;
}

export function encodeAttach(worker: number, secret: Uint8Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(ATTACH_BYTES));
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, WIRE_VERSION, true);
  view.setUint16(6, FEATURES, true);
  view.setUint32(8, worker, true);
  const bytes = new Uint8Array(view.buffer);
  bytes.set(secret, 12);
  return bytes;
}

/** Checks private data; returns 0 or an {@linkcode AttachRefusal}. The secret is compared in constant time. */
export function checkAttach(data: Uint8Array, worker: number, secret: Uint8Array): number {
  if (!holdsMessage(data, ATTACH_BYTES)) return AttachRefusal.MALFORMED;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  if (view.getUint32(0, true) !== MAGIC || view.getUint32(8, true) !== worker) {
    return AttachRefusal.MALFORMED;
  }
  if (view.getUint16(4, true) !== WIRE_VERSION || view.getUint16(6, true) !== FEATURES) {
    return AttachRefusal.VERSION;
  }
  let difference = 0;
  for (let i = 0; i < SECRET_BYTES; i++) difference |= data[12 + i]! ^ secret[i]!;
  return difference === 0 ? 0 : AttachRefusal.SECRET;
}

/**
 * Sends a value as JSON from the message area at `sendAt`.
 *
 * @param area the view of that area: a worker that has given up FFI can't make one.
 */
export function sendJson(
  connection: Connection,
  sendAt: number,
  area: Uint8Array,
  value: unknown,
): void {
  const bytes = encodeJson(value);
  if (bytes.length > MESSAGE_BYTES) {
    throw new RangeError(`Cannot send message: ${bytes.length} bytes, ${MESSAGE_BYTES} at most`);
  }
  setBytes(area, bytes, 0);
  connection.send(0, sendAt, bytes.length, 0);
}

/**
 * Waits for one message in the area at `receiveAt`, whose receive was posted with the connection, and parses it as JSON.
 *
 * @throws {Error} if the connection ends, no message arrives in time, or it is not JSON.
 */
export async function receiveJson(
  connection: Connection,
  receiveAt: number,
  options: { timeoutMs: number; signal?: AbortSignal },
): Promise<unknown> {
  const untilMs = performance.now() + options.timeoutMs;
  while (!connection.poll()) {
    const timeoutMs = untilMs - performance.now();
    if (timeoutMs <= 0) {
      throw new Error(`Cannot receive message: none arrived within ${options.timeoutMs} ms`);
    }
    await connection.wait({ ...options, timeoutMs });
  }
  const { status, opcode, byteLength } = connection.completion;
  if (status !== Status.SUCCESS) throw new Error(`Cannot receive message: ${connection.reason}`);
  if (opcode !== Opcode.RECEIVE) throw new Error("Cannot receive message: a call came first");
  const bytes = new Uint8Array(connection.buffer(receiveAt, byteLength)).slice();
  return JSON.parse(new TextDecoder().decode(bytes));
}
