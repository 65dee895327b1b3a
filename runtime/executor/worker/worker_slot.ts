/** A worker's half of a slot: the views that functions work on, reused from call to call. */

import type { Connection } from "../../../fabric/fabric.ts";
import { atomicsLoad, ByteView } from "../../../ffi/intrinsics.ts";
import {
  type ArenaLayout,
  BEGUN_AT,
  GIVEN_UP_AT,
  HEADER_AT,
  HEADER_BYTES,
  PAYLOAD_AT,
  TRACE_AT,
  TRACE_BYTES,
} from "../../protocol/wire.ts";
import type { ForeignStream } from "./foreign_stream.ts";
import type { FunctionRun } from "./forgotten_functions.ts";

/** The payloads in the line of a slot, see line.ts. */
export interface LineBuffers {
  readonly input: ArrayBuffer;
  readonly output: ArrayBuffer;
}

// Bound before foreign code loads. The same memory is in another ArrayBuffer afterwards, and the views of this one are empty.
const transfer: (buffer: ArrayBuffer) => ArrayBuffer = Function.prototype.call.bind(
  ArrayBuffer.prototype.transfer,
);
const bufferOf: (view: Uint8Array) => ArrayBuffer = Function.prototype.call.bind(
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), "buffer")!.get!,
);

function renewed(view: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new ByteView(transfer(bufferOf(view)));
}

/** One slot of a connection, at the worker's end. */
export class WorkerSlot {
  /** The headers of request and reply. */
  readonly request: Int32Array;
  readonly reply: Int32Array;
  /** The sequence number of the last call that has begun, for a client that shares this memory. */
  readonly begun: Int32Array;
  /** The sequence number of the call that the client has given up, which it writes. */
  readonly #givenUp: Int32Array;
  /** The number that was read there last: it does not count again when the sequence has wrapped around. */
  #lastGivenUp: number;
  /** The payloads, each in its own ArrayBuffer, so that `view.buffer` reaches nothing beside the slot. */
  inputBuffer: ArrayBuffer;
  outputBuffer: ArrayBuffer;
  /** Views of the whole payloads. An element of a detached one reads `undefined`. */
  #wholeInput: Uint8Array;
  #wholeOutput: Uint8Array;
  /** The same of the payloads in the line; those in the slot if there is no line. */
  #lineInput: Uint8Array<ArrayBuffer>;
  #lineOutput: Uint8Array<ArrayBuffer>;
  /** The longest argument and result in the line; -1 if there is no line. */
  readonly #inlineBytes: number;
  /** Whether `input` is in the line. */
  #inlined = false;
  /** The views passed to the last function; replaced when a length changes. */
  input: Uint8Array;
  output: Uint8Array;
  inputLength: number;
  capacity: number;
  /** The sequence number of the last request taken. */
  sequence: number;
  /** Whether an asynchronous function has not settled, or a stream is open. */
  busy = false;
  /** The open stream; the slot is busy until it ends. */
  stream: ForeignStream | undefined = undefined;
  /** The function or the step of a stream that was awaited last. */
  run: FunctionRun | undefined = undefined;
  /** The trace of a call, see trace_words.ts. */
  readonly trace: Int32Array;

  constructor(
    request: Int32Array,
    reply: Int32Array,
    begun: Int32Array,
    givenUp: Int32Array,
    trace: Int32Array,
    inputBuffer: ArrayBuffer,
    outputBuffer: ArrayBuffer,
    firstSequence: number,
    line?: LineBuffers,
  ) {
    this.request = request;
    this.reply = reply;
    this.begun = begun;
    this.trace = trace;
    this.#givenUp = givenUp;
    givenUp[0] = firstSequence; // no call has this number
    this.#lastGivenUp = firstSequence | 0;
    this.inputBuffer = inputBuffer;
    this.outputBuffer = outputBuffer;
    this.#wholeInput = this.input = new ByteView(inputBuffer);
    this.#wholeOutput = this.output = new ByteView(outputBuffer);
    this.#lineInput = new ByteView(line?.input ?? inputBuffer);
    this.#lineOutput = new ByteView(line?.output ?? outputBuffer);
    this.#inlineBytes = line?.input.byteLength ?? -1;
    this.inputLength = inputBuffer.byteLength;
    this.capacity = outputBuffer.byteLength;
    this.sequence = firstSequence | 0;
  }

  /** The sequence number of the next request. */
  get next(): number {
    return (this.sequence + 1) | 0;
  }

  /** Whether a request may be taken now. */
  get takes(): boolean {
    return !this.busy || (this.stream !== undefined && !this.stream.advancing);
  }

  /** Whether the client may have given up the call that has this slot. */
  get mayBeGivenUp(): boolean {
    return this.busy && atomicsLoad(this.#givenUp, 0) !== this.#lastGivenUp;
  }

  /** Whether the client has given up the call with this number. It counts once. */
  isGivenUp(sequence: number): boolean {
    const last = this.#givenUp[0]!;
    if (last === this.#lastGivenUp) return false;
    this.#lastGivenUp = last;
    return last === sequence;
  }

  /** Whether an argument of `length` bytes may be in the line. */
  fitsLine(length: number): boolean {
    return length <= this.#inlineBytes;
  }

  /**
   * Fits the views to the lengths of a call, which are those of the call before in most cases.
   *
   * @param inlined Whether the argument is in the line. A result whose capacity fits into the line is there.
   */
  fit(inputLength: number, capacity: number, inlined: boolean): void {
    if (inputLength !== this.inputLength || inlined !== this.#inlined) {
      const buffer = inlined ? this.#lineInput.buffer : this.inputBuffer;
      this.input = new ByteView(buffer, 0, inputLength);
      this.inputLength = inputLength;
      this.#inlined = inlined;
    }
    if (capacity !== this.capacity) {
      const buffer = capacity <= this.#inlineBytes ? this.#lineOutput.buffer : this.outputBuffer;
      this.output = new ByteView(buffer, 0, capacity);
      this.capacity = capacity;
    }
  }

  /** Takes the memory of the slot from a function that runs on after its call has ended: its views are empty. */
  revoke(): void {
    this.stream = undefined;
    const hasLine = this.#inlineBytes >= 0;
    this.#wholeInput = new ByteView(this.inputBuffer = transfer(this.inputBuffer));
    this.#wholeOutput = new ByteView(this.outputBuffer = transfer(this.outputBuffer));
    this.#lineInput = hasLine ? renewed(this.#lineInput) : new ByteView(this.inputBuffer);
    this.#lineOutput = hasLine ? renewed(this.#lineOutput) : new ByteView(this.outputBuffer);
    // The next call replaces both.
    this.inputLength = this.capacity = -1;
  }

  /** Whether a function has transferred one of the buffers. Then the slot is lost. */
  get detached(): boolean {
    return this.#wholeInput[0] === undefined || this.#wholeOutput[0] === undefined ||
      this.#lineInput[0] === undefined || this.#lineOutput[0] === undefined;
  }
}

/** What client and worker have agreed on for the slots of a connection. */
export interface SlotTerms {
  readonly layout: ArenaLayout;
  readonly depth: number;
  /** The client's result slots. */
  readonly remote: { readonly address: number; readonly rkey: number };
  readonly firstSequence: number;
}

/**
 * Makes all slots of a connection. Where memory is shared, functions write results directly into the client's memory.
 *
 * @param line The memory of short payloads, by slot index, if it is not in the slots.
 */
export function makeSlots(
  connection: Connection,
  { layout, depth, remote, firstSequence }: SlotTerms,
  line?: (index: number) => LineBuffers,
): WorkerSlot[] {
  const { shared } = connection;
  const payloadBytes = layout.stride - PAYLOAD_AT;
  const slots: WorkerSlot[] = [];
  for (let i = 0; i < depth; i++) {
    const at = i * layout.stride;
    const request = (from: number, length: number) =>
      connection.buffer(layout.inboundAt + at + from, length);
    const reply = (from: number, length: number) =>
      shared
        ? shared.peerBuffer(remote.address + at + from, length, remote.rkey)
        : connection.buffer(layout.outboundAt + at + from, length);
    slots.push(
      new WorkerSlot(
        new Int32Array(request(HEADER_AT, HEADER_BYTES)),
        new Int32Array(reply(HEADER_AT, HEADER_BYTES)),
        new Int32Array(request(BEGUN_AT, 4)),
        new Int32Array(request(GIVEN_UP_AT, 4)),
        new Int32Array(request(TRACE_AT, TRACE_BYTES)),
        request(PAYLOAD_AT, payloadBytes),
        reply(PAYLOAD_AT, payloadBytes),
        firstSequence,
        line?.(i),
      ),
    );
  }
  return slots;
}
