/**
 * Serves streams: one chunk a request. The worker does not run ahead of its client, since it takes the next step only on
 * request. A stream keeps its slot, so there are never more streams than slots.
 */

import { CallStatus, END_STREAM, NEXT_CHUNK } from "../../protocol/wire.ts";
import { ForeignStream, readStep } from "./foreign_stream.ts";
import type { WorkerSlot } from "./worker_slot.ts";

/** What the {@linkcode StreamServer} uses of its {@linkcode CallServer}. */
export interface StreamServerHost {
  reply(slot: WorkerSlot, index: number, status: number, length: number): void;
  /** Replies with what was thrown. */
  threw(slot: WorkerSlot, index: number, error: unknown): void;
  /** Replies with a chunk of `value` bytes. Replies with an error and returns `false` if that is not a length. */
  chunk(slot: WorkerSlot, index: number, value: unknown): boolean;
  /** Foreign code is about to run for this slot. */
  enter(index: number): void;
  /** The foreign code has returned. */
  leave(): void;
  /** Waits for a step that settles later; `slot` is the one that waits for it. */
  await(
    slot: WorkerSlot | undefined,
    result: unknown,
    ok: (value: unknown) => void,
    failed: (error: unknown) => void,
  ): void;
  /** The stream of this slot has ended. */
  over(slot: WorkerSlot, index: number): void;
}

const ignore = () => {};

/** Advances and ends the streams of one connection's slots. */
export class StreamServer {
  readonly #host: StreamServerHost;

  constructor(host: StreamServerHost) {
    this.#host = host;
  }

  /** Opens a stream over what a function returned, and replies with its first chunk. */
  open(slot: WorkerSlot, index: number, iterator: unknown, sync: boolean): void {
    slot.busy = true;
    try {
      slot.stream = new ForeignStream(iterator, sync);
    } catch (error) {
      return this.#fail(slot, index, error);
    }
    this.#step(slot, index, slot.stream, false);
  }

  /** Serves a request to advance the slot's stream, or to end it. */
  continue(slot: WorkerSlot, index: number, functionIndex: number): void {
    const stream = slot.stream!;
    if (functionIndex === NEXT_CHUNK) this.#step(slot, index, stream, false);
    else if (functionIndex === END_STREAM) this.#step(slot, index, stream, true);
    else this.#host.reply(slot, index, CallStatus.BAD_REQUEST, 0);
  }

  /** Ends the stream of a slot without a reply; what it throws is dropped. */
  abandon(slot: WorkerSlot, index: number): void {
    const { stream } = slot;
    slot.stream = undefined;
    if (stream === undefined || stream.advancing) return;
    this.#host.enter(index);
    let ending: unknown;
    try {
      ending = stream.end();
    } catch { /* there is no request to reply to */ }
    this.#host.leave();
    // An unhandled rejection would end the thread.
    if (!stream.sync) this.#host.await(undefined, ending, ignore, ignore);
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
    host.await(slot, step, (value) => {
      stream.advancing = false;
      this.#take(slot, index, value, ending);
    }, (error) => {
      stream.advancing = false;
      this.#fail(slot, index, error);
    });
  }

  #take(slot: WorkerSlot, index: number, step: unknown, ending: boolean): void {
    const host = this.#host;
    let done = ending; // a generator that yields in its `finally` is not advanced again
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
