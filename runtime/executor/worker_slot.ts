/** A worker's half of a slot: the views that the function works on, kept from call to call. */

import { ByteView } from "../../ffi/intrinsics.ts";
import type { ForeignStream } from "./foreign_stream.ts";

export class WorkerSlot {
  /** The request's header, and the reply's. */
  readonly request: Int32Array;
  readonly reply: Int32Array;
  /** The payloads, each in an ArrayBuffer of its own: `view.buffer` shows the slot and no more. */
  readonly inputBuffer: ArrayBuffer;
  readonly outputBuffer: ArrayBuffer;
  /** The payloads whole; an element of a detached one reads `undefined`. */
  readonly #wholeInput: Uint8Array;
  readonly #wholeOutput: Uint8Array;
  /** The views last handed to a function; made anew when a length changes. */
  input: Uint8Array;
  output: Uint8Array;
  inputLength: number;
  capacity: number;
  /** The sequence number of the last request taken. */
  sequence: number;
  /** An asynchronous function has not settled yet, or a stream is open. */
  busy = false;
  /** What gives its results one by one; the slot is busy until it ends. */
  stream: ForeignStream | undefined = undefined;

  constructor(
    request: Int32Array,
    reply: Int32Array,
    inputBuffer: ArrayBuffer,
    outputBuffer: ArrayBuffer,
    firstSequence: number,
  ) {
    this.request = request;
    this.reply = reply;
    this.inputBuffer = inputBuffer;
    this.outputBuffer = outputBuffer;
    this.#wholeInput = this.input = new ByteView(inputBuffer);
    this.#wholeOutput = this.output = new ByteView(outputBuffer);
    this.inputLength = inputBuffer.byteLength;
    this.capacity = outputBuffer.byteLength;
    this.sequence = firstSequence | 0;
  }

  /** Makes the views fit; most calls have the lengths of the last one. */
  fit(inputLength: number, capacity: number): void {
    if (inputLength !== this.inputLength) {
      this.input = new ByteView(this.inputBuffer, 0, inputLength);
      this.inputLength = inputLength;
    }
    if (capacity !== this.capacity) {
      this.output = new ByteView(this.outputBuffer, 0, capacity);
      this.capacity = capacity;
    }
  }

  /** Has a function transferred a buffer away? Then the slot is lost. */
  get detached(): boolean {
    return this.#wholeInput[0] === undefined || this.#wholeOutput[0] === undefined;
  }
}
