/** The client's half of a slot. */

/** Nobody's. */
export const FREE = 0;
/** Somebody's, with no call under way. */
export const HELD = 1;
/** A call is under way. */
export const POSTED = 2;
/** The reply is there. */
export const DONE = 3;
/** The call was given up; out of use until its reply has come, so that it never answers another call. */
export const ABANDONED = 4;
/** Gone with its connection. */
export const LOST = 5;
/** Somebody's still, to read the last result; the next call takes another slot, since its session is left. */
export const STALE = 6;

/** Somebody's, between two chunks of a stream: the worker keeps a generator for it. */
export const OPEN = 7;

/** Who waits for a slot's reply by a promise. */
export interface SlotWaiter {
  /** Called once when the reply is there or the slot is lost. */
  onReply(): void;
}

export class ClientSlot {
  state = FREE;
  /** The sequence number of the last call. */
  sequence: number;
  /** Of the last reply: its status and its length, checked to be within `capacity`. */
  status = 0;
  length = 0;
  capacity = 0;
  /** Time left and room as the worker has them from this slot's last request with a header; -1 before the first. */
  sentTimeLeftUs = -1;
  sentCapacity = -1;
  /** A stream has it, for as long as the stream likes. */
  streaming = false;
  waiter: SlotWaiter | null = null;
  readonly index: number;
  /** The request's header and the reply's. */
  readonly request: Int32Array;
  readonly reply: Int32Array;
  /** The payloads, whole: `maxBytes` and a little more. */
  readonly input: Uint8Array;
  readonly output: Uint8Array;

  constructor(
    index: number,
    firstSequence: number,
    request: ArrayBuffer,
    reply: ArrayBuffer,
    input: ArrayBuffer,
    output: ArrayBuffer,
  ) {
    this.index = index;
    this.sequence = firstSequence | 0;
    this.request = new Int32Array(request);
    this.reply = new Int32Array(reply);
    this.input = new Uint8Array(input);
    this.output = new Uint8Array(output);
  }
}
