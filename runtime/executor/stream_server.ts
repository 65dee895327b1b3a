/**
 * Functions that give many results: a chunk a request. The worker does not run ahead of its client, since it takes the
 * next step only when it is asked to. A stream lives in its slot, so there are never more than slots.
 */

import { CallStatus, END_STREAM, NEXT_CHUNK } from "../protocol/wire.ts";
import { ForeignStream, readStep } from "./foreign_stream.ts";
import type { WorkerSlot } from "./worker_slot.ts";

/** What the server of calls does for it. */
export interface StreamHost {
  reply(slot: WorkerSlot, index: number, status: number, length: number): void;
  /** Answers with what was thrown. */
  threw(slot: WorkerSlot, index: number, error: unknown): void;
  /** Answers with a chunk, if `value` is the bytes of one; what is none is answered as an error, by false. */
  chunk(slot: WorkerSlot, index: number, value: unknown): boolean;
  /** From now on foreign code runs for this slot. */
  enter(index: number): void;
  /** Not any more. */
  leave(): void;
  /** A step settles later. */
  await(result: unknown, ok: (value: unknown) => void, failed: (error: unknown) => void): void;
  /** The stream of a slot is over. */
  over(slot: WorkerSlot, index: number): void;
}

const ignore = () => {};

export class StreamServer {
  readonly #host: StreamHost;

  constructor(host: StreamHost) {
    this.#host = host;
  }

  /** Takes what a function gave for a stream, and answers with its first chunk. */
  open(slot: WorkerSlot, index: number, iterator: unknown, sync: boolean): void {
    slot.busy = true;
    try {
      slot.stream = new ForeignStream(iterator, sync);
    } catch (error) {
      return this.#fail(slot, index, error);
    }
    this.#step(slot, index, slot.stream, false);
  }

  /** Answers a request that goes on with the slot's stream, or ends it. */
  continue(slot: WorkerSlot, index: number, functionIndex: number): void {
    const stream = slot.stream!;
    if (functionIndex === NEXT_CHUNK) this.#step(slot, index, stream, false);
    else if (functionIndex === END_STREAM) this.#step(slot, index, stream, true);
    else this.#host.reply(slot, index, CallStatus.BAD_REQUEST, 0);
  }

  /** Ends the stream of a slot whose client has left; what it throws is nobody's. */
  abandon(slot: WorkerSlot, index: number): void {
    const { stream } = slot;
    slot.stream = undefined;
    if (stream === undefined || stream.advancing) return;
    this.#host.enter(index);
    let ending: unknown;
    try {
      ending = stream.end();
    } catch { /* nobody is left to be told */ }
    this.#host.leave();
    // A rejection that nobody hears of would end the thread.
    if (!stream.sync) this.#host.await(ending, ignore, ignore);
  }

  #step(slot: WorkerSlot, index: number, stream: ForeignStream, ending: boolean): void {
    const host = this.#host;
    host.enter(index);
    let step: unknown;
    try {
      step = ending ? stream.end() : stream.next();
    } catch (error) {
      host.leave();
      return this.#fail(slot, index, error);
    }
    host.leave();
    if (stream.sync) return this.#take(slot, index, step, ending);
    stream.advancing = true;
    host.await(step, (value) => {
      stream.advancing = false;
      this.#take(slot, index, value, ending);
    }, (error) => {
      stream.advancing = false;
      this.#fail(slot, index, error);
    });
  }

  #take(slot: WorkerSlot, index: number, step: unknown, ending: boolean): void {
    const host = this.#host;
    let done = ending; // a generator that yields in its `finally` is not asked again
    let value: unknown;
    if (!ending) {
      try {
        ({ done, value } = readStep(step));
      } catch (error) {
        return this.#fail(slot, index, error);
      }
    }
    if (done) {
      this.#close(slot, index);
      host.reply(slot, index, CallStatus.OK, 0);
    } else if (!host.chunk(slot, index, value)) {
      this.abandon(slot, index);
      this.#close(slot, index);
    }
  }

  #fail(slot: WorkerSlot, index: number, error: unknown): void {
    this.#close(slot, index);
    this.#host.threw(slot, index, error);
  }

  #close(slot: WorkerSlot, index: number): void {
    slot.stream = undefined;
    slot.busy = false;
    this.#host.over(slot, index);
  }
}
