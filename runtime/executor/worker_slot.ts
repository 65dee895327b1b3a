/** A worker's half of a slot: the views that the function works on, kept from call to call. */

import type { Connection } from "../../fabric/fabric.ts";
import { ByteView } from "../../ffi/intrinsics.ts";
import { type ArenaLayout, HEADER_AT, HEADER_BYTES, PAYLOAD_AT } from "../protocol/wire.ts";
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

/** What the slots of a connection are made by. */
export interface SlotTerms {
  readonly layout: ArenaLayout;
  readonly depth: number;
  /** The client's result slots. */
  readonly remote: { readonly address: number; readonly rkey: number };
  readonly firstSequence: number;
}

/** All slots of a connection; `inPlace`: results are written right where the client reads them. */
export function makeSlots(
  connection: Connection,
  { layout, depth, remote, firstSequence }: SlotTerms,
): { slots: WorkerSlot[]; inPlace: boolean } {
  const inPlace = connection.share(remote.address, layout.slotsBytes, remote.rkey) !== undefined;
  const payloadBytes = layout.stride - PAYLOAD_AT;
  const slots: WorkerSlot[] = [];
  for (let i = 0; i < depth; i++) {
    const at = i * layout.stride;
    const request = (from: number, length: number) =>
      connection.buffer(layout.inboundAt + at + from, length);
    const reply = (from: number, length: number) =>
      inPlace
        ? connection.share(remote.address + at + from, length, remote.rkey)!
        : connection.buffer(layout.outboundAt + at + from, length);
    slots.push(
      new WorkerSlot(
        new Int32Array(request(HEADER_AT, HEADER_BYTES)),
        new Int32Array(reply(HEADER_AT, HEADER_BYTES)),
        request(PAYLOAD_AT, payloadBytes),
        reply(PAYLOAD_AT, payloadBytes),
        firstSequence,
      ),
    );
  }
  return { slots, inPlace };
}
