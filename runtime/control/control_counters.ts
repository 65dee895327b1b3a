/** Counters of 64 bits in the memory of one end of a control channel, to which the peer adds by fetch-and-add. */

import { Access, type Connection } from "../../fabric/fabric.ts";

/** How many counters a channel has. */
export const COUNTERS = 4;
/** Bytes in the arena: the counters, and a word that receives the old value of the peer's counter. */
export const COUNTER_BYTES = 64;
const OLD_VALUE_AT = COUNTERS * 8;

/** Where the peer finds the counters. */
export interface LentCounters {
  readonly address: number;
  readonly rkey: number;
}

/** The counters on their owner's side; after the channel's end they keep their last values. */
export class Counters {
  readonly #connection: Connection;
  readonly #at: number;
  readonly #words: BigUint64Array;
  #frozen: BigUint64Array | undefined;

  constructor(connection: Connection, at: number) {
    this.#connection = connection;
    this.#at = at;
    this.#words = new BigUint64Array(connection.buffer(at, COUNTERS * 8));
  }

  /** Lets the peer add. */
  lend(): LentCounters {
    const access = Access.REMOTE_ATOMIC;
    const { address, rkey } = this.#connection.register(this.#at, COUNTERS * 8, access);
    return { address, rkey };
  }

  read(index: number): bigint {
    return this.#frozen ? this.#frozen[index]! : Atomics.load(this.#words, index);
  }

  /** Call it before the connection closes, which unmaps the memory. */
  freeze(): void {
    this.#frozen ??= this.#words.slice();
  }
}

/** Adds to a counter of the peer's. @param at where this end's counter bytes begin. */
export function addToCounter(
  connection: Connection,
  at: number,
  id: number,
  lent: LentCounters,
  index: number,
  value: bigint,
): void {
  connection.fetchAndAdd(id, at + OLD_VALUE_AT, lent.address + index * 8, lent.rkey, value, 0);
}
