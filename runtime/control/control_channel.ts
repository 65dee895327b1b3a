/**
 * Requests and notices between a client, an executor manager and its executors: small JSON messages by send and
 * receive, bulk data (function packages) by RDMA read from where the owner lends it.
 */

import type { Connection, ConnectionOptions } from "../../fabric/fabric.ts";
import { Status, statusName } from "../../fabric/status.ts";
import { BulkReader, lendBytes, type Lent, WINDOW_BYTES } from "./control_bulk.ts";
import { addToCounter, COUNTER_BYTES, Counters, type LentCounters } from "./control_counters.ts";
import { ControlSender, SEND_AREAS } from "./control_sender.ts";

/** The largest message; a grant takes 600 bytes, a worker's address 60. */
export const MAX_CONTROL_BYTES = 64 * 1024;
/**
 * Messages that may arrive before they are read. One that finds no receive waits at its sender, for a second at most:
 * requests and answers never fill them all, only a peer that tells of much at once to one that does not listen.
 */
const RECEIVES = 16;
const RECEIVER_NOT_READY_MS = 1000;
/** Requests of one side that may wait for their answers; half of the peer's receives, the rest is for notices. */
const MAX_REQUESTS = RECEIVES / 2;
const SEND_AT = RECEIVES * MAX_CONTROL_BYTES;
const WINDOW_AT = SEND_AT + SEND_AREAS * MAX_CONTROL_BYTES;
const COUNTERS_AT = WINDOW_AT + WINDOW_BYTES;
const LEND_AT = COUNTERS_AT + COUNTER_BYTES;
/** Ids of requests; receives are called by their place, from 0. */
const FIRST_SEND_ID = RECEIVES;
const READ_ID = FIRST_SEND_ID + SEND_AREAS;
const ADD_ID = READ_ID + 1;

/** A refusal by the peer: `code` is one word, for callers that branch. */
export class ControlError extends Error {
  override name = "ControlError";
  readonly code: string;
  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What a side does with what comes. */
export interface ControlHandlers {
  /** Answers a request; what it throws is told to the peer (a {@linkcode ControlError} with its code). */
  request?(type: string, body: unknown): Promise<unknown> | unknown;
  notice?(type: string, body: unknown): void;
}

/** What a connection needs to carry a channel on which up to `lendBytes` are lent. */
export function controlOptions(lendBytes: number): ConnectionOptions {
  return {
    arenaBytes: LEND_AT + Math.max(64, lendBytes),
    receiveDepth: RECEIVES,
    sendDepth: SEND_AREAS + 1,
    receives: Array.from({ length: RECEIVES }, (_, i) => ({
      id: i,
      offset: i * MAX_CONTROL_BYTES,
      length: MAX_CONTROL_BYTES,
    })),
    receiverNotReadyMs: RECEIVER_NOT_READY_MS,
  };
}

interface Waiting {
  resolve(body: unknown): void;
  reject(error: Error): void;
}

type Frame =
  | { id: number; type: string; body: unknown }
  | { type: string; body: unknown }
  | { re: number; body: unknown }
  | { re: number; error: { code: string; message: string } };

export class ControlChannel implements Disposable {
  /** Settles with the reason once the channel has ended. */
  readonly closed: Promise<string>;
  readonly #connection: Connection;
  readonly #handlers: ControlHandlers;
  readonly #waiting = new Map<number, Waiting>();
  readonly #queue: (() => void)[] = [];
  readonly #sender: ControlSender;
  readonly #reader: BulkReader;
  /** Counters in this end's memory. */
  readonly counters: Counters;
  readonly #receiveAreas: Uint8Array[];
  readonly #setClosed: (reason: string) => void;
  #lastId = 0;
  #ended = "";

  constructor(connection: Connection, handlers: ControlHandlers = {}) {
    this.#connection = connection;
    this.#handlers = handlers;
    this.#sender = new ControlSender(connection, {
      at: SEND_AT,
      areaBytes: MAX_CONTROL_BYTES,
      firstId: FIRST_SEND_ID,
    });
    this.#reader = new BulkReader(connection, WINDOW_AT, READ_ID, () => this.#drain());
    this.counters = new Counters(connection, COUNTERS_AT);
    this.#receiveAreas = Array.from(
      { length: RECEIVES },
      (_, i) => new Uint8Array(connection.buffer(i * MAX_CONTROL_BYTES, MAX_CONTROL_BYTES)),
    );
    const { promise, resolve } = Promise.withResolvers<string>();
    this.closed = promise;
    this.#setClosed = resolve;
    queueMicrotask(() => this.#run()); // the handlers may name the channel, which exists only then
  }

  /**
   * Asks the peer and waits for its answer.
   *
   * @throws {ControlError} the peer's refusal; code `closed` when the channel ends first, `timeout` when time is up.
   */
  async request(
    type: string,
    body: unknown,
    options: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<unknown> {
    const { timeoutMs = 5000, signal } = options;
    signal?.throwIfAborted();
    while (this.#ended === "" && this.#waiting.size >= MAX_REQUESTS) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = setTimeout(
      () => reject(new ControlError(`Cannot ${type}: no answer within ${timeoutMs} ms`, "timeout")),
      timeoutMs,
    );
    const abort = () => reject(signal!.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      this.#send({ id, type, body });
      // Only now: a send that ends the channel fails all that waits, and nobody would hear of this one twice.
      this.#waiting.set(id, { resolve, reject });
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      this.#waiting.delete(id);
      this.#queue.shift()?.();
    }
  }

  /** Tells the peer without waiting; nothing happens when it has gone, whether or not that was noticed yet. */
  notify(type: string, body: unknown = {}): void {
    if (this.#ended !== "") return;
    try {
      this.#send({ type, body });
    } catch (error) {
      if (!(error instanceof ControlError) || error.code !== "closed") throw error;
    }
  }

  /** Lends bytes to the peer until the channel ends; the room was asked for in {@linkcode controlOptions}. */
  lend(bytes: Uint8Array): Lent {
    return lendBytes(this.#connection, LEND_AT, bytes);
  }

  /** Reads what the peer lends. */
  async fetch(lent: Lent): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#reader.fetch(lent);
  }

  /** Adds to one of the counters that the peer lends; nothing happens when it has gone. */
  add(lent: LentCounters, index: number, value: bigint): void {
    if (this.#ended !== "" || this.#connection.state !== "connected") return;
    addToCounter(this.#connection, COUNTERS_AT, ADD_ID, lent, index, value);
  }

  /** Gives a notice to its reader, as one that has just come. What the reader can't make sense of ends the channel. */
  hear(type: string, body: unknown): void {
    try {
      this.#handlers.notice?.(type, body);
    } catch (error) {
      this.close(`the peer sent what makes no sense: ${(error as Error).message}`);
    }
  }

  /** Ends the channel; requests that wait fail with code `closed`. May be called twice. */
  close(reason = "closed by this side"): void {
    if (this.#ended !== "") return;
    this.#ended = reason;
    const error = () =>
      new ControlError(`Cannot go on: the channel has ended (${reason})`, "closed");
    for (const waiting of this.#waiting.values()) waiting.reject(error());
    this.#reader.completed(error());
    for (const go of this.#queue.splice(0)) go();
    this.counters.freeze();
    this.#connection.close();
    this.#setClosed(reason);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #send(frame: Frame): void {
    if (this.#ended !== "") {
      throw new ControlError(`Cannot go on: the channel has ended (${this.#ended})`, "closed");
    }
    const message = new TextEncoder().encode(JSON.stringify(frame));
    if (message.length > MAX_CONTROL_BYTES) {
      throw new ControlError(
        `Cannot send message: it has ${message.length} bytes, ${MAX_CONTROL_BYTES} at most`,
        "too-long",
      );
    }
    let taken: boolean;
    try {
      taken = this.#sender.send(message);
    } catch (error) {
      throw new ControlError("Cannot send message: the peer has gone", "closed", { cause: error });
    }
    // Where a message has left as soon as it was posted, nothing else would wake the loop below to see that.
    if (this.#sender.waiting > 0) queueMicrotask(() => this.#drain());
    if (taken) return;
    this.close("the peer takes no messages");
    throw new ControlError("Cannot send message: the peer takes none", "closed");
  }

  async #run(): Promise<void> {
    for (;;) {
      const gone = this.#connection.state !== "connected"; // asked first: what was said before the end counts
      this.#drain();
      if (this.#ended !== "") return;
      if (gone) return this.close(this.#connection.reason);
      await this.#connection.wait();
      if (this.#ended !== "") return;
    }
  }

  #drain(): void {
    while (this.#ended === "" && this.#connection.poll()) {
      const { id, status, byteLength } = this.#connection.completion;
      if (id === READ_ID) {
        this.#reader.completed(
          status === Status.SUCCESS
            ? undefined
            : new ControlError(`Cannot read what the peer lends: ${statusName(status)}`, "closed"),
        );
        continue;
      }
      if (status !== Status.SUCCESS) continue; // the state tells, and the loop looks at it
      if (this.#sender.owns(id)) {
        this.#sender.left(id);
        continue;
      }
      const text = new TextDecoder().decode(this.#receiveAreas[id]!.slice(0, byteLength));
      if (this.#connection.state === "connected") {
        this.#connection.postReceive(id, id * MAX_CONTROL_BYTES, MAX_CONTROL_BYTES);
      }
      this.#take(text);
    }
  }

  #take(text: string): void {
    let frame: Record<string, unknown>;
    try {
      frame = JSON.parse(text);
      if (typeof frame !== "object" || frame === null) throw new TypeError("not an object");
    } catch {
      return this.close("the peer sent what is no message");
    }
    if (typeof frame.re === "number") {
      const waiting = this.#waiting.get(frame.re);
      const error = frame.error as { code?: unknown; message?: unknown } | undefined;
      if (error) waiting?.reject(new ControlError(String(error.message), String(error.code)));
      else waiting?.resolve(frame.body);
    } else if (typeof frame.type === "string" && typeof frame.id === "number") {
      this.#answer(frame.id, frame.type, frame.body);
    } else if (typeof frame.type === "string") {
      this.hear(frame.type, frame.body);
    } else {
      this.close("the peer sent what is no message");
    }
  }

  async #answer(id: number, type: string, body: unknown): Promise<void> {
    let frame: Frame;
    try {
      if (!this.#handlers.request) {
        throw new ControlError(`Cannot ${type}: nobody answers here`, "bad-request");
      }
      frame = { re: id, body: await this.#handlers.request(type, body) ?? null };
    } catch (error) {
      const { message } = error as Error;
      frame = {
        re: id,
        error: { code: error instanceof ControlError ? error.code : "failed", message },
      };
    }
    try {
      this.#send(frame);
    } catch {
      // the peer has gone; there is nobody to answer
    }
  }
}
