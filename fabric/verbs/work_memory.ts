/** The memory that a connection shares with the provider library: work requests, and a batch of completions. */

import type { Libc } from "../../ffi/libc.ts";
import { MappedMemory, wholePages } from "../../ffi/mapped_memory.ts";
import { createSharedMemory } from "../../ffi/shared_memory.ts";
import type {
  Completions,
  ReceiveRequest,
  RefusedRequest,
  SendRequest,
} from "../../ffi/verbs/handles.ts";
import { RECV_WR, SEND_WR, SGE, WC } from "../../ffi/verbs/layout.ts";
import {
  completionsAt,
  receiveRequestAt,
  refusedRequestAt,
  sendRequestAt,
} from "../../ffi/verbs/memory_pointer.ts";
import type { Verbs } from "../../ffi/verbs/open_verbs.ts";

/** The most completions of one poll. */
export const BATCH = 16;
/** The most receives without memory that one call posts. */
export const CHAIN = 64;

// Offsets in bytes. Each structure begins on a cache line of its own.
const SEND_AT = 0;
const SEND_SGE_AT = SEND_WR.bytes;
const REFUSED_AT = 192;
const RECEIVE_AT = 256;
const RECEIVE_SGE_AT = RECEIVE_AT + RECV_WR.bytes;
const CHAIN_AT = 320;
const COMPLETIONS_AT = CHAIN_AT + CHAIN * RECV_WR.bytes;
const BYTES = wholePages(COMPLETIONS_AT + BATCH * WC.bytes);

/**
 * Maps unnamed shared memory, rounded up to pages: a fork of this process cannot separate it from what a device sees.
 *
 * @throws {ErrnoError} when the kernel refuses.
 */
export function mapShared(libc: Libc, name: string, bytes: number): MappedMemory {
  const fallback = { folder: `/dev/shm/rfaas-${libc.c.getuid()}` };
  const length = wholePages(bytes);
  const fd = createSharedMemory(libc, name, length, fallback);
  try {
    return MappedMemory.map(libc, fd, length);
  } finally {
    libc.c.close(fd);
  }
}

/** The structures, and the pointers to them that the verbs take. */
export class WorkMemory implements Disposable {
  /** One struct ibv_send_wr with one struct ibv_sge. */
  readonly sendRequest: Uint32Array;
  readonly sendRequest64: BigUint64Array;
  readonly sendSge: Uint32Array;
  readonly sendPointer: SendRequest;
  /** One struct ibv_recv_wr with one struct ibv_sge. */
  readonly receiveRequest: Uint32Array;
  readonly receiveSge: Uint32Array;
  readonly receivePointer: ReceiveRequest;
  /** By `i` from 1: the first of the last `i` receives of the chain, to post `i` receives without memory. */
  readonly chainPointers: readonly (ReceiveRequest | undefined)[];
  /** An array of struct ibv_wc. */
  readonly completions: Uint32Array;
  readonly completionsPointer: Completions;
  readonly refusedPointer: RefusedRequest;
  readonly #memory: MappedMemory;

  /** @param receiveIdHigh the upper half of the wr_id of every receive. */
  constructor({ libc, memory: c }: Verbs, lkey: number, receiveIdHigh: number) {
    const memory = this.#memory = mapShared(libc, "rfaas-work", BYTES);
    const at = (offset: number) => ({ memory, offset });
    const send = memory.buffer(SEND_AT, SEND_WR.bytes);
    this.sendRequest = new Uint32Array(send);
    this.sendRequest64 = new BigUint64Array(send);
    this.sendSge = new Uint32Array(memory.buffer(SEND_SGE_AT, SGE.bytes));
    this.sendPointer = sendRequestAt(c, at(SEND_AT));
    this.sendRequest64[SEND_WR.sg_list / 8] = BigInt(memory.address + SEND_SGE_AT);
    this.sendSge[SGE.lkey / 4] = lkey;

    const receive = memory.buffer(RECEIVE_AT, RECV_WR.bytes);
    this.receiveRequest = new Uint32Array(receive);
    this.receiveSge = new Uint32Array(memory.buffer(RECEIVE_SGE_AT, SGE.bytes));
    this.receivePointer = receiveRequestAt(c, at(RECEIVE_AT));
    new BigUint64Array(receive)[RECV_WR.sg_list / 8] = BigInt(memory.address + RECEIVE_SGE_AT);
    this.receiveRequest[RECV_WR.wr_id / 4 + 1] = receiveIdHigh;
    this.receiveSge[SGE.lkey / 4] = lkey;

    const chain = new DataView(memory.buffer(CHAIN_AT, CHAIN * RECV_WR.bytes));
    for (let i = 0; i < CHAIN; i++) {
      const link = i * RECV_WR.bytes;
      chain.setUint32(link + RECV_WR.wr_id + 4, receiveIdHigh, true);
      if (i + 1 === CHAIN) break;
      const next = memory.address + CHAIN_AT + link + RECV_WR.bytes;
      chain.setBigUint64(link + RECV_WR.next, BigInt(next), true);
    }
    this.chainPointers = Array.from(
      { length: CHAIN + 1 },
      (_, links) =>
        links === 0
          ? undefined
          : receiveRequestAt(c, at(CHAIN_AT + (CHAIN - links) * RECV_WR.bytes)),
    );
    this.completions = new Uint32Array(memory.buffer(COMPLETIONS_AT, BATCH * WC.bytes));
    this.completionsPointer = completionsAt(c, at(COMPLETIONS_AT), BATCH);
    this.refusedPointer = refusedRequestAt(c, at(REFUSED_AT));
  }

  close(): void {
    this.#memory.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
