/**
 * The free slots of a session. The lowest one is taken first: both ends look at the slots from 0 that were used of late,
 * and a worker finds calls that were posted in the order of their slots at its first look.
 */

import type { ClientSlot } from "./client_slot.ts";

export class FreeSlots {
  readonly #slots: readonly ClientSlot[];
  /** A bit for each slot: set if it is free. */
  readonly #bits: Int32Array;
  /** The first word that may have a bit set. */
  #lowest = 0;
  #length: number;

  /** @param slots All slots, each at its index. They are free. */
  constructor(slots: readonly ClientSlot[]) {
    this.#slots = slots;
    this.#bits = new Int32Array((slots.length + 31) >>> 5);
    this.#length = 0;
    for (const slot of slots) this.add(slot);
  }

  /** The number of free slots. */
  get length(): number {
    return this.#length;
  }

  /** Takes the lowest free slot; `undefined` if there is none. */
  take(): ClientSlot | undefined {
    if (this.#length === 0) return undefined;
    const bits = this.#bits;
    let word = this.#lowest;
    while (bits[word] === 0) word++;
    this.#lowest = word;
    const set = bits[word]!;
    bits[word] = set & (set - 1); // without its lowest bit
    this.#length--;
    return this.#slots[word * 32 + 31 - Math.clz32(set & -set)];
  }

  /** Adds a slot that is not among them. */
  add({ index }: ClientSlot): void {
    const word = index >>> 5;
    this.#bits[word]! |= 1 << (index & 31);
    if (word < this.#lowest) this.#lowest = word;
    this.#length++;
  }

  /** Takes all. */
  clear(): void {
    this.#bits.fill(0);
    this.#length = 0;
  }
}
