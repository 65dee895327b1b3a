/** The receive queue of a connection: lends ranges of the arena to messages, and knows how many are lent. */

import type { QueuePair } from "../../ffi/verbs/handles.ts";
import { RECV_WR, SGE } from "../../ffi/verbs/layout.ts";
import type { Verbs } from "../../ffi/verbs/open_verbs.ts";
import { FabricError } from "../errors.ts";
import { CHAIN, type WorkMemory } from "./work_memory.ts";

// Words of struct ibv_recv_wr and struct ibv_sge.
const ID = RECV_WR.wr_id / 4;
const SGE_COUNT = RECV_WR.num_sge / 4;
const SGE_ADDRESS = SGE.addr / 4;
const SGE_LENGTH = SGE.length / 4;

export class ReceiveQueue {
  readonly #postRecv: Verbs["inline"]["post_recv"];
  readonly #queuePair: QueuePair;
  readonly #memory: WorkMemory;
  readonly #arenaAddress: number;
  readonly #depth: number;
  #posted = 0;

  constructor(
    verbs: Verbs,
    queuePair: QueuePair,
    memory: WorkMemory,
    arenaAddress: number,
    depth: number,
  ) {
    this.#postRecv = verbs.inline.post_recv;
    this.#queuePair = queuePair;
    this.#memory = memory;
    this.#arenaAddress = arenaAddress;
    this.#depth = depth;
  }

  post(id: number, offset: number, length: number): void {
    if (this.#posted >= this.#depth) throw this.#full();
    const { receiveRequest, receiveSge } = this.#memory;
    const address = this.#arenaAddress + offset;
    receiveRequest[ID] = id;
    receiveRequest[SGE_COUNT] = length === 0 ? 0 : 1;
    receiveSge[SGE_ADDRESS] = address;
    receiveSge[SGE_ADDRESS + 1] = address * 2 ** -32;
    receiveSge[SGE_LENGTH] = length;
    this.#check(
      this.#postRecv(this.#queuePair, this.#memory.receivePointer, this.#memory.refusedPointer),
    );
    this.#posted++;
  }

  /** Posts receives without memory; as many as there is room for count, even if it is not enough. */
  postEmpty(count: number): void {
    const { chainPointers, refusedPointer } = this.#memory;
    for (let left = count; left > 0;) {
      const room = this.#depth - this.#posted;
      if (room <= 0) throw this.#full();
      const links = left < room ? (left < CHAIN ? left : CHAIN) : (room < CHAIN ? room : CHAIN);
      this.#check(this.#postRecv(this.#queuePair, chainPointers[links]!, refusedPointer));
      this.#posted += links;
      left -= links;
    }
  }

  /** The poster has taken a receive's completion. */
  taken(): void {
    this.#posted--;
  }

  #check(errno: number): void {
    if (errno === 0) return;
    throw new FabricError(
      `Cannot post a receive: the device refused it (error ${errno})`,
      "state",
    );
  }

  #full(): FabricError {
    return new FabricError(`Cannot post a receive: ${this.#depth} are posted already`, "full");
  }
}
