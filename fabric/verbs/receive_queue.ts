/** The receive queue of a connection: posts receives and counts those outstanding. */

import type { QueuePair } from "../../ffi/verbs/handles.ts";
import { RECV_WR, SGE } from "../../ffi/verbs/layout.ts";
import type { Verbs } from "../../ffi/verbs/open_verbs.ts";
import { receiveQueueFull } from "../connection_errors.ts";
import { FabricError } from "../errors.ts";
import { CHAIN, type WorkMemory } from "./work_memory.ts";

// Words of struct ibv_recv_wr and struct ibv_sge.
const ID = RECV_WR.wr_id / 4;
const SGE_COUNT = RECV_WR.num_sge / 4;
const SGE_ADDRESS = SGE.addr / 4;
const SGE_LENGTH = SGE.length / 4;

/** Posts through the connection's work memory. */
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

  /**
   * Lends a range of the arena to a message.
   *
   * @throws {FabricError} code `full`, or `state` when the device refuses.
   */
  post(id: number, offset: number, length: number): void {
    if (this.#posted >= this.#depth) throw receiveQueueFull(this.#depth);
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

  /**
   * Posts receives without memory; as many as fit.
   *
   * @throws {FabricError} code `full` when not all fit, or `state` when the device refuses.
   */
  postEmpty(count: number): void {
    const { chainPointers, refusedPointer } = this.#memory;
    for (let left = count; left > 0;) {
      const free = this.#depth - this.#posted;
      if (free <= 0) throw receiveQueueFull(this.#depth);
      const links = left < free ? (left < CHAIN ? left : CHAIN) : (free < CHAIN ? free : CHAIN);
      this.#check(this.#postRecv(this.#queuePair, chainPointers[links]!, refusedPointer));
      this.#posted += links;
      left -= links;
    }
  }

  /** Counts a receive whose completion was polled. */
  polled(): void {
    this.#posted--;
  }

  #check(errno: number): void {
    if (errno === 0) return;
    throw new FabricError(
      `Cannot post a receive: the device refused it (error ${errno})`,
      "state",
    );
  }
}
