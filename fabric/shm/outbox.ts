/** The sending half of a shm connection: the peer's receives and the ring that tells it of messages. */

import { ORDERED_LOADS } from "../../ffi/memory_order.ts";
import { atomicsExchange, atomicsLoad, atomicsStore, nowMs } from "../../ffi/intrinsics.ts";
import type { Doorbell } from "./doorbell.ts";
import {
  ASLEEP,
  ENTRY_BYTES,
  ENTRY_IMMEDIATE,
  ENTRY_KIND,
  ENTRY_SEQUENCE,
  ENTRY_WORDS,
  POSTED,
  RECEIVE_LENGTH,
  RECEIVE_WORDS,
  RECEIVES,
  ringStart,
  STATE,
} from "./layout.ts";

/** How often a message that waits for a receive looks whether the peer still lives. */
const PROBE_MS = 1;

export class Outbox {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #mask: number;
  readonly #start: number;
  readonly #doorbell: Doorbell;
  readonly #receiverNotReadyMs: number;
  /** Messages sent. */
  #sent: number;
  /** The peer's receives as last seen; its line is read again only when these are used up. */
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

  /** Makes sure of a receive at the peer; false when none came in time. */
  reserve(): boolean {
    return this.#sent !== this.#posted || this.#awaitReceive();
  }

  /** Where the next receive lies in the peer's arena. */
  get receiveOffset(): number {
    return this.#floats[(RECEIVES + (this.#sent & this.#mask) * RECEIVE_WORDS) >>> 1]!;
  }

  /** How much the next receive takes. */
  get receiveLength(): number {
    return this.#words[RECEIVES + (this.#sent & this.#mask) * RECEIVE_WORDS + RECEIVE_LENGTH]!;
  }

  /** Takes the next receive and tells the peer. */
  publish(kind: number, byteLength: number, immediate: number): void {
    const sent = this.#sent;
    const at = this.#start + (sent & this.#mask) * ENTRY_WORDS;
    this.#words[at + ENTRY_KIND] = kind;
    this.#words[at + ENTRY_BYTES] = byteLength;
    this.#words[at + ENTRY_IMMEDIATE] = immediate;
    this.#sent = (sent + 1) | 0;
    atomicsStore(this.#words, at + ENTRY_SEQUENCE, this.#sent);
    const asleep = ORDERED_LOADS ? this.#words[ASLEEP]! : atomicsLoad(this.#words, ASLEEP);
    if (asleep !== 0) this.wake(false);
  }

  /** Has the peer said that it left? */
  peerLeft(): boolean {
    // Plain first: it is asked with each look in vain. What is seen atomically is seen after all that was sent before.
    return this.#words[STATE] !== 0 && atomicsLoad(this.#words, STATE) !== 0;
  }

  /** Has it left, or has the kernel closed its end? A system call. */
  peerGone(): boolean {
    return this.peerLeft() || this.#doorbell.peerGone();
  }

  /** Wakes the peer if it sleeps, or in any case. */
  wake(always: boolean): void {
    if (atomicsExchange(this.#words, ASLEEP, 0) !== 0 || always) this.#doorbell.ring();
  }

  #awaitReceive(): boolean {
    this.#posted = atomicsLoad(this.#words, POSTED);
    if (this.#posted !== this.#sent) return true; // as a rule: no look at the clock
    const untilMs = nowMs() + this.#receiverNotReadyMs;
    let probeMs = nowMs() + PROBE_MS;
    for (;;) {
      this.#posted = atomicsLoad(this.#words, POSTED);
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
