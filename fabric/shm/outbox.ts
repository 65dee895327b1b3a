/** The sending half of a shm connection: the peer's receives and the ring of their completions. */

import { ORDERED_LOADS } from "../../ffi/memory_order.ts";
import { atomicsExchange, atomicsLoad, atomicsStore, nowMs } from "../../ffi/intrinsics.ts";
import type { Doorbell } from "./doorbell.ts";
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

/** How often a message that waits for a receive checks that the peer is alive. */
const PROBE_MS = 1;

/** Writes into the peer's control block. */
export class Outbox {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #mask: number;
  readonly #start: number;
  readonly #doorbell: Doorbell;
  readonly #receiverNotReadyMs: number;
  /** Messages sent, modulo 2^32. */
  #sent: number;
  /** The peer's receives as last read; the word is read again only when these are used up. */
  #posted: number;

  constructor(
    theirs: ArrayBuffer,
    entries: number,
    firstSequence: number,
    doorbell: Doorbell,
    receiverNotReadyMs: number,
  ) {
    this.#words = new Int32Array(theirs);
    this.#floats = new Float64Array(theirs, 0, theirs.byteLength >>> 3);
    this.#mask = entries - 1;
    this.#start = ringStart(entries);
    this.#doorbell = doorbell;
    this.#receiverNotReadyMs = receiverNotReadyMs;
    this.#sent = firstSequence | 0;
    this.#posted = firstSequence | 0;
  }

  /** Ensures that the peer has a receive; false when it posts none in time. */
  reserve(): boolean {
    return this.#sent !== this.#posted || this.#awaitReceive();
  }

  /** The offset of the next receive in the peer's arena. */
  get receiveOffset(): number {
    return this.#floats[(RECEIVES_INDEX + (this.#sent & this.#mask) * RECEIVE_WORDS) >>> 1]!;
  }

  /** Bytes of the next receive. */
  get receiveLength(): number {
    return this
      .#words[RECEIVES_INDEX + (this.#sent & this.#mask) * RECEIVE_WORDS + RECEIVE_LENGTH]!;
  }

  /** Completes the peer's next receive, and wakes the peer if it sleeps. */
  publish(kind: number, byteLength: number, immediate: number): void {
    const sent = this.#sent;
    const at = this.#start + (sent & this.#mask) * ENTRY_WORDS;
    this.#words[at + ENTRY_KIND] = kind;
    this.#words[at + ENTRY_BYTES] = byteLength;
    this.#words[at + ENTRY_IMMEDIATE] = immediate;
    this.#sent = (sent + 1) | 0;
    atomicsStore(this.#words, at + ENTRY_SEQUENCE, this.#sent);
    this.wakeSleeper();
  }

  /** Wakes the peer if it sleeps. An atomic store came before, or {@linkcode SharedMemory.settle} comes after. */
  wakeSleeper(): void {
    const asleep = ORDERED_LOADS
      ? this.#words[ASLEEP_INDEX]!
      : atomicsLoad(this.#words, ASLEEP_INDEX);
    if (asleep !== 0) this.wake(false);
  }

  /** Whether the peer has marked itself as having left. */
  peerLeft(): boolean {
    // Plain first, because every empty poll reads it. The atomic load comes after all that the peer sent before.
    return this.#words[STATE_INDEX] !== 0 && atomicsLoad(this.#words, STATE_INDEX) !== 0;
  }

  /** Whether it has left, or the kernel has closed its end. A system call. */
  peerGone(): boolean {
    return this.peerLeft() || this.#doorbell.peerGone();
  }

  /** Wakes the peer if it sleeps; with `always`, in any case. */
  wake(always: boolean): void {
    if (atomicsExchange(this.#words, ASLEEP_INDEX, 0) !== 0 || always) this.#doorbell.ring();
  }

  #awaitReceive(): boolean {
    this.#posted = atomicsLoad(this.#words, POSTED_INDEX);
    if (this.#posted !== this.#sent) return true; // the common case reads no clock
    const untilMs = nowMs() + this.#receiverNotReadyMs;
    let probeMs = nowMs() + PROBE_MS;
    for (;;) {
      this.#posted = atomicsLoad(this.#words, POSTED_INDEX);
      if (this.#posted !== this.#sent) return true;
      const now = nowMs();
      if (now >= untilMs || this.peerLeft()) return false;
      if (now >= probeMs) {
        if (this.#doorbell.peerGone()) return false;
        probeMs = now + PROBE_MS;
      }
      this.#doorbell.yield();
    }
  }
}
