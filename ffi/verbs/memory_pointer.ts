/**
 * Pointers into mapped memory, made once and used for every call.
 *
 * A pointer must not be used after its memory is closed: a call with it would end the process. Each function throws a
 * RangeError when the structure does not fit inside the mapping or is misaligned.
 */

import type { MappedMemory } from "../mapped_memory.ts";
import type { CMemory } from "./c_memory.ts";
import type {
  Completions,
  Memory,
  ReceiveRequest,
  RefusedRequest,
  SendRequest,
  WindowBind,
} from "./handles.ts";
import { MW_BIND, RECV_WR, SEND_WR, WC } from "./layout.ts";

/** A place in mapped memory. */
export interface Place {
  readonly memory: MappedMemory;
  /** In bytes, from the start of the mapping. */
  readonly offset: number;
}

/** The struct ibv_send_wr at a place. */
export function sendRequestAt(c: CMemory, place: Place): SendRequest {
  return pointerInto(c, place, SEND_WR.bytes, 8);
}

/** The struct ibv_recv_wr at a place. */
export function receiveRequestAt(c: CMemory, place: Place): ReceiveRequest {
  return pointerInto(c, place, RECV_WR.bytes, 8);
}

/** The array of `count` struct ibv_wc at a place. */
export function completionsAt(c: CMemory, place: Place, count: number): Completions {
  return pointerInto(c, place, WC.bytes * count, 8);
}

/** The struct ibv_mw_bind at a place. */
export function windowBindAt(c: CMemory, place: Place): WindowBind {
  return pointerInto(c, place, MW_BIND.bytes, 8);
}

/** The eight bytes at a place for the address of a refused request. */
export function refusedRequestAt(c: CMemory, place: Place): RefusedRequest {
  return pointerInto(c, place, 8, 8);
}

/** `length` bytes at a place, to be registered. */
export function memoryAt(c: CMemory, place: Place, length: number): Memory {
  return pointerInto(c, place, length, 1);
}

function pointerInto<T extends Deno.PointerObject>(
  c: CMemory,
  { memory, offset }: Place,
  length: number,
  alignment: number,
): T {
  if (
    !Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length <= 0 ||
    offset + length > memory.length || offset % alignment !== 0
  ) {
    throw new RangeError(
      `Cannot point into mapped memory: ${length} bytes at ${offset} are not inside its ${memory.length}, or not ` +
        `aligned to ${alignment}`,
    );
  }
  return c.pointerTo<T>(BigInt(memory.address + offset))!;
}
