/**
 * Requests, responses and events between a client, an executor manager and its executors: small JSON messages by send
 * and receive, bulk data (function packages) by RDMA read from the owner's memory.
 */

import type { Connection, ConnectionOptions } from "../../fabric/fabric.ts";
import { settleWithin } from "../../fabric/settle_within.ts";
import { Status, statusName } from "../../fabric/status.ts";
import { BulkReader, lendBytes, type Lent, WINDOW_BYTES } from "./control_bulk.ts";
import { addToCounter, COUNTER_BYTES, Counters, type LentCounters } from "./control_counters.ts";
import { ControlSender, SEND_AREAS } from "./control_sender.ts";

/** The largest message; a grant takes 600 bytes, a worker's address 60. */
export const MAX_CONTROL_BYTES = 64 * 1024;
/**
 * Messages that may arrive before they are read. One more waits at its sender for a receive, at most a second: requests
 * and responses never fill them all, only a burst of events to a peer that does not poll.
 */
const RECEIVES = 16;
const RECEIVER_NOT_READY_MS = 1000;
/** Requests of one side that may be in flight: half of the peer's receives, the other half is for events. */
const MAX_REQUESTS = RECEIVES / 2;
const SEND_AT = RECEIVES * MAX_CONTROL_BYTES;
const WINDOW_AT = SEND_AT + SEND_AREAS * MAX_CONTROL_BYTES;
const COUNTERS_AT = WINDOW_AT + WINDOW_BYTES;
const LEND_AT = COUNTERS_AT + COUNTER_BYTES;
/** Ids of work requests. Those of receives count from 0. */
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

/** How one side handles messages of its peer. */
export interface ControlHandlers {
  /** Returns the response. An error that it throws is sent to the peer, a {@linkcode ControlError} with its code. */
  request?(type: string, body: unknown): Promise<unknown> | unknown;
  /** An error that it throws closes the channel. */
  event?(type: string, body: unknown): void;
}

/** The options of a connection for a channel on which up to `lendBytes` are lent. */
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
    queueMicrotask(() => this.#run()); // the handlers may use the channel, which exists only then
  }

  /**
   * Sends a request and waits for its response.
   *
   * @throws {ControlError} the peer's refusal; code `closed` if the channel ends first, `timeout` after `timeoutMs`.
   * @throws the signal's reason.
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
    const timeoutError = () =>
      new ControlError(`Cannot ${type}: no response within ${timeoutMs} ms`, "timeout");
    try {
      this.#send({ id, type, body });
      // Only now: a send that ends the channel rejects all that waits, and would reject this promise without a listener.
      this.#waiting.set(id, { resolve, reject });
      return await settleWithin(promise, { ms: timeoutMs, timeoutError, signal });
    } finally {
      this.#waiting.delete(id);
      this.#queue.shift()?.();
    }
  }

  /** Sends an event. Has no effect once the peer has gone, whether or not this side has detected that. */
  notify(type: string, body: unknown = {}): void {
    if (this.#ended !== "") return;
    try {
      this.#send({ type, body });
    } catch (error) {
      if (!(error instanceof ControlError) || error.code !== "closed") throw error;
    }
  }

  /** Lends bytes to the peer until the channel ends, as many as {@linkcode controlOptions} allowed. */
  lend(bytes: Uint8Array): Lent {
    return lendBytes(this.#connection, LEND_AT, bytes);
  }

  /** Replaces the bytes that were lent last by others, as many at most. */
  relend(bytes: Uint8Array): void {
    new Uint8Array(this.#connection.buffer(LEND_AT, bytes.length)).set(bytes);
  }

  /** Reads bytes that the peer lends. */
  async fetch(lent: Lent): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#reader.fetch(lent);
  }

  /** Adds to one of the counters that the peer lends. Has no effect once the peer has gone. */
  add(lent: LentCounters, index: number, value: bigint): void {
    if (this.#ended !== "" || this.#connection.state !== "connected") return;
    addToCounter(this.#connection, COUNTERS_AT, ADD_ID, lent, index, value);
  }

  /** Gives an event to its handler, as one that has just arrived. An error of the handler closes the channel. */
  deliver(type: string, body: unknown): void {
    try {
      this.#handlers.event?.(type, body);
    } catch (error) {
      this.close(`the peer sent an invalid event: ${(error as Error).message}`);
    }
  }

  /** Ends the channel; requests in flight fail with code `closed`. May be called twice. */
  close(reason = "closed by this side"): void {
    if (this.#ended !== "") return;
    this.#ended = reason;
    const error = () =>
      new ControlError(`Cannot finish request: the channel has ended (${reason})`, "closed");
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
      throw new ControlError(
        `Cannot send message: the channel has ended (${this.#ended})`,
        "closed",
      );
    }
    const message = new TextEncoder().encode(JSON.stringify(frame));
    if (message.length > MAX_CONTROL_BYTES) {
      throw new ControlError(
        `Cannot send message: it has ${message.length} bytes, ${MAX_CONTROL_BYTES} at most`,
        "too-long",
      );
    }
    let accepted: boolean;
    try {
      accepted = this.#sender.send(message);
    } catch (error) {
      throw new ControlError("Cannot send message: the peer has gone", "closed", { cause: error });
    }
    // In shared memory a message has left as soon as it is posted: no completion wakes the loop below then.
    if (this.#sender.waiting > 0) queueMicrotask(() => this.#drain());
    if (accepted) return;
    this.close("the peer accepts no messages");
    throw new ControlError("Cannot send message: the peer accepts none", "closed");
  }

  async #run(): Promise<void> {
    for (;;) {
      const gone = this.#connection.state !== "connected"; // read first: messages that arrived before the end count
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
            : new ControlError(`Cannot read the peer's bytes: ${statusName(status)}`, "closed"),
        );
        continue;
      }
      if (status !== Status.SUCCESS) continue; // the connection's state changes as well, and the loop reads it
      if (this.#sender.owns(id)) {
        this.#sender.left(id);
        continue;
      }
      const text = new TextDecoder().decode(this.#receiveAreas[id]!.slice(0, byteLength));
      if (this.#connection.state === "connected") {
        this.#connection.postReceive(id, id * MAX_CONTROL_BYTES, MAX_CONTROL_BYTES);
      }
      this.#onMessage(text);
    }
  }

  #onMessage(text: string): void {
    let frame: Readonly<Partial<Record<"re" | "error" | "type" | "id" | "body", unknown>>>;
    try {
      frame = JSON.parse(text);
      if (typeof frame !== "object" || frame === null) throw new TypeError("not an object");
    } catch {
      return this.close("the peer sent an invalid message");
    }
    if (typeof frame.re === "number") {
      const waiting = this.#waiting.get(frame.re);
      const error = frame.error as { code?: unknown; message?: unknown } | undefined;
      if (error) waiting?.reject(new ControlError(String(error.message), String(error.code)));
      else waiting?.resolve(frame.body);
    } else if (typeof frame.type === "string" && typeof frame.id === "number") {
      this.#respond(frame.id, frame.type, frame.body);
    } else if (typeof frame.type === "string") {
      this.deliver(frame.type, frame.body);
    } else {
      this.close("the peer sent an invalid message");
    }
  }

  async #respond(id: number, type: string, body: unknown): Promise<void> {
    let frame: Frame;
    try {
      if (!this.#handlers.request) {
        throw new ControlError(`Unknown request "${type}"`, "bad-request");
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
    } catch (error) {
      if (!(error instanceof ControlError) || error.code !== "too-long") return; // the peer has gone
      const { code, message } = error;
      this.#send({ re: id, error: { code, message } });
    }
  }
}
