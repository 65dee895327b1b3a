/**
 * Requests and notices between a client, an executor manager and its executors: small JSON messages by send and
 * receive, bulk data (function packages) by RDMA read from where the owner lends it.
 */

import { setBytes } from "../ffi/intrinsics.ts";
import { Access, type Connection, type ConnectionOptions, SIGNALED } from "../fabric/fabric.ts";
import { Opcode, Status, statusName } from "../fabric/status.ts";

/** The largest message; a grant takes 600 bytes, a worker's address 60. */
export const MAX_CONTROL_BYTES = 64 * 1024;
/** Messages that may arrive before they are read. */
const RECEIVES = 16;
/** Requests of one side that may wait for their answers; half of the peer's receives, the rest is for notices. */
const MAX_REQUESTS = RECEIVES / 2;
const SEND_AT = RECEIVES * MAX_CONTROL_BYTES;
/** Bulk data passes through a window of this size. */
const WINDOW_BYTES = 256 * 1024;
const WINDOW_AT = SEND_AT + MAX_CONTROL_BYTES;
const LEND_AT = WINDOW_AT + WINDOW_BYTES;

/** Bulk data that the peer may read. */
export interface Lent {
  readonly address: number;
  readonly rkey: number;
  readonly length: number;
}

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
    receives: Array.from({ length: RECEIVES }, (_, i) => ({
      id: i,
      offset: i * MAX_CONTROL_BYTES,
      length: MAX_CONTROL_BYTES,
    })),
    receiverNotReadyMs: 1000,
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
  readonly #reads: Waiting[] = [];
  readonly #sendArea: Uint8Array;
  readonly #receiveAreas: Uint8Array[];
  readonly #setClosed: (reason: string) => void;
  #lastId = 0;
  #reading: Promise<unknown> = Promise.resolve();
  #ended = "";

  constructor(connection: Connection, handlers: ControlHandlers = {}) {
    this.#connection = connection;
    this.#handlers = handlers;
    this.#sendArea = new Uint8Array(connection.buffer(SEND_AT, MAX_CONTROL_BYTES));
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
    this.#waiting.set(id, { resolve, reject });
    try {
      this.#send({ id, type, body });
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
    const area = new Uint8Array(this.#connection.buffer(LEND_AT, bytes.length));
    area.set(bytes);
    const region = this.#connection.register(
      LEND_AT,
      Math.max(1, bytes.length),
      Access.REMOTE_READ,
    );
    return { address: region.address, rkey: region.rkey, length: bytes.length };
  }

  /** Reads what the peer lends. */
  async fetch(lent: Lent): Promise<Uint8Array<ArrayBuffer>> {
    const mine = this.#reading.then(() => this.#fetch(lent));
    this.#reading = mine.catch(() => {});
    return await mine;
  }

  /** Ends the channel; requests that wait fail with code `closed`. May be called twice. */
  close(reason = "closed by this side"): void {
    if (this.#ended !== "") return;
    this.#ended = reason;
    const error = () =>
      new ControlError(`Cannot go on: the channel has ended (${reason})`, "closed");
    for (const waiting of [...this.#waiting.values(), ...this.#reads]) waiting.reject(error());
    for (const go of this.#queue.splice(0)) go();
    this.#connection.close();
    this.#setClosed(reason);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #fetch(lent: Lent): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(lent.length);
    const window = new Uint8Array(this.#connection.buffer(WINDOW_AT, WINDOW_BYTES));
    for (let at = 0; at < lent.length; at += WINDOW_BYTES) {
      const length = Math.min(WINDOW_BYTES, lent.length - at);
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      this.#reads.push({ resolve, reject });
      this.#connection.read(0, WINDOW_AT, length, lent.address + at, lent.rkey, SIGNALED);
      this.#drain(); // where a read is done when it was posted, nothing would wake the loop below
      await promise;
      setBytes(bytes, window.subarray(0, length), at);
    }
    return bytes;
  }

  #send(frame: Frame): void {
    if (this.#ended !== "") {
      throw new ControlError(`Cannot go on: the channel has ended (${this.#ended})`, "closed");
    }
    const { written, read } = encodeInto(JSON.stringify(frame), this.#sendArea);
    if (!read) {
      throw new ControlError(
        `Cannot send message: longer than ${MAX_CONTROL_BYTES} bytes`,
        "too-long",
      );
    }
    try {
      this.#connection.send(0, SEND_AT, written, 0);
    } catch (error) {
      throw new ControlError("Cannot send message: the peer has gone", "closed", { cause: error });
    }
  }

  async #run(): Promise<void> {
    for (;;) {
      this.#drain();
      if (this.#ended !== "") return;
      if (this.#connection.state !== "connected") return this.close(this.#connection.reason);
      await this.#connection.wait();
      if (this.#ended !== "") return;
    }
  }

  #drain(): void {
    while (this.#ended === "" && this.#connection.poll()) {
      const { id, status, opcode, byteLength } = this.#connection.completion;
      if (opcode === Opcode.READ) {
        const read = this.#reads.shift()!;
        if (status === Status.SUCCESS) read.resolve(undefined);
        else {read.reject(
            new ControlError(`Cannot read what the peer lends: ${statusName(status)}`, "closed"),
          );}
        continue;
      }
      if (status !== Status.SUCCESS) continue; // the state tells, and the loop looks at it
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
      this.#handlers.notice?.(frame.type, frame.body);
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

function encodeInto(text: string, area: Uint8Array): { written: number; read: boolean } {
  const { written, read } = new TextEncoder().encodeInto(text, area);
  return { written, read: read === text.length };
}
