/**
 * A package on its way from an executor manager to an executor: piece by piece, in memory for one of them. V8 collects
 * garbage by the size of mapped memory too, so memory for the largest package cost 25 ms of processor time at each boot.
 */

import type { ControlChannel } from "./control_channel.ts";
import type { Lent } from "./control_bulk.ts";
import { naturalSchema } from "../protocol/field_schemas.ts";
import * as v from "../valibot.ts";

/** Most packages are one piece. */
export const PIECE_BYTES = 2 ** 20;

const pieceSchema = v.object({ at: naturalSchema });

/** Lends the first piece. @returns where each piece will be, and the length of the whole. */
export function lendPieces(channel: ControlChannel, source: Uint8Array): Lent {
  return { ...channel.lend(source.subarray(0, PIECE_BYTES)), length: source.length };
}

/** Replaces the piece that is lent by the one that the body of a request `piece` names. */
export function lendPiece(channel: ControlChannel, source: Uint8Array, body: unknown): void {
  const { at } = v.parse(pieceSchema, body);
  channel.relend(source.subarray(at, at + PIECE_BYTES));
}

/** Reads the whole. */
export async function fetchPieces(
  channel: ControlChannel,
  lent: Lent,
): Promise<Uint8Array<ArrayBuffer>> {
  if (lent.length <= PIECE_BYTES) return await channel.fetch(lent);
  const bytes = new Uint8Array(lent.length);
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    if (at > 0) await channel.request("piece", { at });
    const length = Math.min(PIECE_BYTES, bytes.length - at);
    bytes.set(await channel.fetch({ ...lent, length }), at);
  }
  return bytes;
}
