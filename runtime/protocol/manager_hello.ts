/** The private data of a connection from a client or an executor to an executor manager: 24 bytes. */

import { holdsMessage } from "./private_data.ts";

const MAGIC = 0x676d6672; // "rfmg"
const VERSION = 3;
const HELLO_BYTES = 24;

/** The process that connects. */
export const ManagerRole = { CLIENT: 1, EXECUTOR: 2 } as const;

/** The fields of a hello. */
export interface ManagerHello {
  readonly role: number;
  /** An executor's one-time secret, 16 bytes as hex; zeros for a client, which presents a grant later. */
  readonly secret: string;
}

/** u32 magic "rfmg", u16 version, u16 role, 16 bytes secret. */
export function encodeManagerHello(role: number, secret = "0".repeat(32)): Uint8Array {
  const bytes = new Uint8Array(HELLO_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, VERSION, true);
  view.setUint16(6, role, true);
  bytes.set(Uint8Array.fromHex(secret), 8);
  return bytes;
}

/** Reads private data. @returns the hello, or the text of a rejection. */
export function decodeManagerHello(data: Uint8Array): ManagerHello | string {
  if (!holdsMessage(data, HELLO_BYTES)) return "malformed";
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  if (view.getUint32(0, true) !== MAGIC) return "malformed";
  if (view.getUint16(4, true) !== VERSION) {
    return `version ${view.getUint16(4, true)}, this is version ${VERSION}`;
  }
  const role = view.getUint16(6, true);
  if (role !== ManagerRole.CLIENT && role !== ManagerRole.EXECUTOR) return "malformed";
  return { role, secret: data.slice(8, HELLO_BYTES).toHex() };
}
