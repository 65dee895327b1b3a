/** The receiving half of a shm connection: posted receives and the ring of their completions. */

import { atomicsLoad, atomicsStore } from "../../ffi/intrinsics.ts";
import { ATOMIC_POLL_MASK, ORDERED_LOADS } from "../../ffi/memory_order.ts";
import { receiveQueueFull } from "../connection_errors.ts";
import type { Completion } from "../fabric.ts";
import { Opcode, Status } from "../status.ts";
import {
  ASLEEP_INDEX,
  ENTRY_BYTES,
  ENTRY_IMMEDIATE,
  ENTRY_KIND,
  ENTRY_SEQUENCE,
  ENTRY_WORDS,
  POSTED_INDEX,
  RECEIVE_LENGTH,
  RECEIVE_WORDS,
  RECEIVES_INDEX,
  ringStart,
  STATE_INDEX,
} from "./layout.ts";

/** Owns this end's control block. The peer may write anything into the ring, so every entry is checked. */
export class Inbox {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #arenaBytes: number;
  readonly #entries: number;
  readonly #mask: number;
  readonly #start: number;
  /** Ids and lengths of the receives, by place in the ring; the peer cannot change these. */
  readonly #ids: Int32Array;
  readonly #lengths: Float64Array;
  /** Places of the ring that name memory or an id. */
  #filled = 0;
  #posted: number;
  #taken: number;
  /** Empty polls, modulo 16. */
  #misses = 0;
  /** The ring is not read any more: it is corrupt, or the rest of the receives is being flushed. */
  #finished = false;

  constructor(mine: ArrayBuffer, arenaBytes: number, entries: number, firstSequence: number) {
    this.#arenaBytes = arenaBytes;
    this.#words = new Int32Array(mine);
    this.#floats = new Float64Array(mine, 0, mine.byteLength >>> 3);
    this.#entries = entries;
    this.#mask = entries - 1;
    this.#start = ringStart(entries);
    this.#ids = new Int32Array(entries);
    this.#lengths = new Float64Array(entries);
    this.#posted = firstSequence | 0;
    this.#taken = firstSequence | 0;
    this.publish();
  }

  /**
   * Posts a receive, which the peer sees after {@linkcode Inbox.publish}.
   *
   * @throws {FabricError} code `full`.
   */
  post(id: number, offset: number, length: number): void {
    if (((this.#posted - this.#taken) | 0) >= this.#entries) throw receiveQueueFull(this.#entries);
    const slot = this.#posted & this.#mask;
    const at = RECEIVES_INDEX + slot * RECEIVE_WORDS;
    if (this.#ids[slot] !== 0 || this.#lengths[slot] !== 0) this.#filled--;
    if (id !== 0 || length !== 0) this.#filled++;
    this.#floats[at >>> 1] = offset;
    this.#words[at + RECEIVE_LENGTH] = length;
    this.#ids[slot] = id;
    this.#lengths[slot] = length;
    this.#posted = (this.#posted + 1) | 0;
  }

  /**
   * Posts receives without memory and with the id 0; as many as fit.
   *
   * @throws {FabricError} code `full`.
   */
  postEmpty(count: number): void {
    const free = this.#entries - ((this.#posted - this.#taken) | 0);
    if (this.#filled > 0 || count > free) {
      for (let i = 0; i < count; i++) this.post(0, 0, 0);
    } else this.#posted = (this.#posted + count) | 0; // all places hold empty receives already
  }

  /** Makes the posted receives visible to the peer. */
  publish(): void {
    atomicsStore(this.#words, POSTED_INDEX, this.#posted);
  }

  /** Whether there is a message. */
  ready(): boolean {
    if (this.#finished) return false;
    const at = this.#start + (this.#taken & this.#mask) * ENTRY_WORDS;
    return atomicsLoad(this.#words, at + ENTRY_SEQUENCE) !==
      ((this.#taken + 1 - this.#entries) | 0);
  }

  /** Takes the next message, or `FATAL_ERR` once when the ring is corrupt; false when there is none. */
  take(completion: Completion): boolean {
    if (this.#finished) return false;
    const taken = this.#taken;
    const slot = taken & this.#mask;
    const at = this.#start + slot * ENTRY_WORDS;
    const published = (taken + 1) | 0;
    const lapAgo = (published - this.#entries) | 0;
    const seen = this.#words[at + ENTRY_SEQUENCE]!;
    if (seen === lapAgo && (this.#misses = (this.#misses + 1) & ATOMIC_POLL_MASK) !== 0) {
      return false;
    }
    if (seen !== published || !ORDERED_LOADS) {
      const sequence = atomicsLoad(this.#words, at + ENTRY_SEQUENCE);
      if (sequence === lapAgo) return false;
      if (sequence !== published) return this.#takeCorrupt(completion);
    }
    if (taken === this.#posted) return this.#takeCorrupt(completion);
    const kind = this.#words[at + ENTRY_KIND]!;
    const byteLength = this.#words[at + ENTRY_BYTES]!;
    completion.id = this.#ids[slot]!;
    completion.byteLength = byteLength;
    completion.immediate = this.#words[at + ENTRY_IMMEDIATE]!;
    completion.opcode = kind & 0xffff;
    completion.status = kind >>> 16;
    if (!this.#plausible(kind, byteLength, slot)) return this.#takeCorrupt(completion);
    this.#taken = (taken + 1) | 0;
    return true;
  }

  /** Takes the next receive that met no message, once the connection is over; false when there is none. */
  takeFlushed(completion: Completion): boolean {
    this.#finished = true;
    if (this.#taken === this.#posted) return false;
    completion.id = this.#ids[this.#taken & this.#mask]!;
    completion.status = Status.WR_FLUSH_ERR;
    completion.opcode = Opcode.RECEIVE;
    completion.byteLength = 0;
    completion.immediate = 0;
    this.#taken = (this.#taken + 1) | 0;
    return true;
  }

  /** Marks this end as having left. */
  leave(): void {
    atomicsStore(this.#words, STATE_INDEX, 1);
  }

  /** Sets whether the peer must ring to wake this end. */
  sleeping(flag: 0 | 1): void {
    atomicsStore(this.#words, ASLEEP_INDEX, flag);
  }

  #plausible(kind: number, byteLength: number, slot: number): boolean {
    if (kind === Opcode.RECEIVE) return byteLength >= 0 && byteLength <= this.#lengths[slot]!;
    if (kind === Opcode.RECEIVE_WRITE_IMMEDIATE) {
      return byteLength >= 0 && byteLength <= this.#arenaBytes;
    }
    return kind === (Opcode.RECEIVE | (Status.LOC_LEN_ERR << 16));
  }

  /** Reports, once, that the ring holds what no honest peer writes; it is not read again. */
  #takeCorrupt(completion: Completion): boolean {
    this.#finished = true;
    const unexpected = this.#taken === this.#posted; // no receive was posted for it
    completion.id = unexpected ? 0 : this.#ids[this.#taken & this.#mask]!;
    completion.status = Status.FATAL_ERR;
    completion.opcode = Opcode.RECEIVE;
    completion.byteLength = 0;
    completion.immediate = 0;
    if (!unexpected) this.#taken = (this.#taken + 1) | 0;
    return true;
  }
}
