/**
 * The client's half of a slot, and the states of a slot.
 *
 * ```text
 *             acquire          post           reply
 *       FREE ---------> HELD --------> POSTED ------> DONE
 *        ^ ^              |             | ^ ^          | |
 *        | +--------------+             | | +-- OPEN <-+ |   OPEN: a chunk of a stream, next chunk
 *        |    release         give up   | |              |
 *        +---------- ABANDONED <--------+ +-- HELD <-----+   HELD: a prepared call, next call
 *        | late reply                                    |
 *        +-----------------------------------------------+
 *                             release
 * ```
 *
 * OPEN becomes ABANDONED as well, when a stream is given up, and FREE does so when the session probes the worker. When
 * its session retires, HELD becomes STALE; DONE does so when its reply has been read. When its connection closes, every
 * state becomes LOST.
 */

/** Free. */
export const FREE = 0;
/** Acquired, no call in flight. */
export const HELD = 1;
/** A call is in flight. */
export const POSTED = 2;
/** The reply has arrived. */
export const DONE = 3;
/** Between two chunks of a stream: the worker keeps a generator for the slot. */
export const OPEN = 4;
/** No owner waits for the reply. The slot is out of use until then, so that a late one never answers another call. */
export const ABANDONED = 5;
/** Acquired, to read the last result only: the session retires, and the next call uses a slot of another one. */
export const STALE = 6;
/** The connection is closed. */
export const LOST = 7;

/** Waits for a slot's reply without polling. */
export interface SlotWaiter {
  /** Called once, when the reply has arrived or the slot is lost. */
  onReply(): void;
}

/** Buffers over the memory of a slot. */
export interface SlotMemory {
  /** The payload of a request. */
  readonly input: ArrayBuffer;
  /** The payload of a reply. */
  readonly output: ArrayBuffer;
  /** Those in the slot's line, if it has any. */
  readonly line: { readonly input: ArrayBuffer; readonly output: ArrayBuffer } | undefined;
}

export class ClientSlot {
  state = FREE;
  /** The sequence number of the last call. */
  sequence: number;
  /** The place of the last call in the order of all calls of its session, modulo 2^32. */
  order = 0;
  /** Whether the last call, which was lost with its worker, may have begun. */
  mayHaveBegun = true;
  /** The status of the last reply. */
  status = 0;
  /** The length of the last reply. Its reader checks it against `capacity`. */
  length = 0;
  capacity = 0;
  /** The time left in the slot's last request with a header, which short requests repeat; -1 before the first. */
  sentTimeLeft = -1;
  /** The capacity in that request; -1 before the first. */
  sentCapacity = -1;
  /** A stream has the slot, for an unknown time. */
  streaming = false;
  waiter: SlotWaiter | null = null;
  readonly index: number;
  /** The header of the request. */
  readonly request: Int32Array;
  /** The header of the reply. */
  readonly reply: Int32Array;
  /** The whole payload of a request: `maxBytes`, rounded up. */
  input!: Uint8Array;
  /** The whole payload of a reply: `maxBytes`, rounded up. */
  output!: Uint8Array;
  /** Whether the argument is in the line. */
  inlined = false;
  /** The payloads in the slot's line; those in the slot if there is no line, or functions use the slots alone. */
  #lineInput!: Uint8Array;
  #lineOutput!: Uint8Array;
  /** The longest argument and result in the line; -1 if there is none. */
  #inlineBytes!: number;
  /** The view of the last result that was read, its length, and the memory that it is of. */
  #result!: Uint8Array;
  #resultLength = -1;
  #resultMemory!: Uint8Array;

  constructor(
    index: number,
    firstSequence: number,
    request: ArrayBuffer,
    reply: ArrayBuffer,
    memory: SlotMemory,
  ) {
    this.index = index;
    this.sequence = firstSequence | 0;
    this.request = new Int32Array(request);
    this.reply = new Int32Array(reply);
    this.renew(memory);
  }

  /** Whether a caller has transferred memory of the slot, which {@linkcode ClientSlot.renew} replaces. */
  get detached(): boolean {
    return this.input.length === 0 || this.output.length === 0 || this.#lineInput.length === 0 ||
      this.#lineOutput.length === 0;
  }

  /** Sets the buffers of its memory. */
  renew({ input, output, line }: SlotMemory): void {
    this.input = new Uint8Array(input);
    this.output = new Uint8Array(output);
    this.#lineInput = new Uint8Array(line?.input ?? input);
    this.#lineOutput = new Uint8Array(line?.output ?? output);
    this.#inlineBytes = line?.input.byteLength ?? -1;
    this.#result = this.#resultMemory = this.output;
    this.#resultLength = -1;
  }

  /** Returns the memory for an argument of up to `bytes`, at its beginning. The next requests have their argument there. */
  inputFor(bytes: number): Uint8Array {
    this.inlined = bytes <= this.#inlineBytes;
    return this.inlined ? this.#lineInput : this.input;
  }

  /** Returns the memory of a result with this capacity, at its beginning. */
  outputFor(capacity: number): Uint8Array {
    return capacity <= this.#inlineBytes ? this.#lineOutput : this.output;
  }

  /** The length of the last result that was read; -1 before the first. */
  get lastResultLength(): number {
    return this.#resultLength;
  }

  /** Returns the last result, of a call with this capacity, until the next call. A view is kept: it costs 50 ns. */
  resultFor(capacity: number): Uint8Array {
    const memory = this.outputFor(capacity);
    const { length } = this;
    if (length !== this.#resultLength || memory !== this.#resultMemory) {
      this.#result = memory.subarray(0, length);
      this.#resultMemory = memory;
      this.#resultLength = length;
    }
    return this.#result;
  }
}

/** Stands for a slot that was given up or released. */
export const NO_SLOT = { state: LOST } as ClientSlot;
