/** One end of a connection as rping uses it: messages in both directions, reads and writes of the peer's memory. */

import {
  type Connection,
  type ConnectionOptions,
  type MemoryRegion,
  SIGNALED,
} from "../../fabric/fabric.ts";
import { Status, statusName } from "../../fabric/status.ts";
import {
  type Advertisement,
  ADVERTISEMENT_BYTES,
  decodeAdvertisement,
  encodeAdvertisement,
} from "./advertisement.ts";
import { PingError } from "./errors.ts";
import { MOST_PING_BYTES } from "./ping_data.ts";

/** Offsets in the arena. Messages and data have separate cache lines. */
const INBOX = 0;
const OUTBOX = 64;
export const PING = 128;
export const PONG = PING + MOST_PING_BYTES + 1;
const ARENA_BYTES = PONG + MOST_PING_BYTES + 1;

/** Ids of completions. */
const RECEIVE = 1;
const SEND = 2;
const TRANSFER = 3;

/** Options of both ends. */
export interface ExchangeOptions {
  /** Text to send as private data of the connection. */
  readonly text: string;
  /** How long the peer may take for each step. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Options of a connection for an {@linkcode Exchange}. Its first receive is posted before the peer can send. */
export function connectionOptions({ text, timeoutMs, signal }: ExchangeOptions): ConnectionOptions {
  return {
    arenaBytes: ARENA_BYTES,
    receives: [{ id: RECEIVE, offset: INBOX, length: ADVERTISEMENT_BYTES }],
    privateData: new TextEncoder().encode(text),
    timeoutMs,
    signal,
  };
}

export class Exchange implements Disposable {
  readonly #connection: Connection;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal;
  readonly #inbox: Uint8Array;
  readonly #outbox: Uint8Array;
  /** Received messages: at most one if both ends follow the protocol. */
  readonly #received: Advertisement[] = [];
  #transferring = false;

  /** @param connection made with {@linkcode connectionOptions}; the exchange closes it. */
  constructor(connection: Connection, { timeoutMs, signal }: ExchangeOptions) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    this.#inbox = this.bytes(INBOX, ADVERTISEMENT_BYTES);
    this.#outbox = this.bytes(OUTBOX, ADVERTISEMENT_BYTES);
  }

  /** The text of the peer's private data. RDMA pads it with zeros, and rdma-core's rping sends none. */
  get peerText(): string {
    return new TextDecoder().decode(this.#connection.privateData).replace(/\0+$/, "");
  }

  /** Returns a part of the arena, to read and write in place. */
  bytes(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#connection.buffer(offset, length));
  }

  /** Allows the peer to access a part of the arena. */
  register(offset: number, length: number, access: number): MemoryRegion {
    return this.#connection.register(offset, length, access);
  }

  /**
   * Sends an advertisement. The previous one was answered, so the outbox is free. Once the connection is over, nothing is
   * sent: what the caller receives next fails with the reason.
   */
  advertise({ address, rkey, size }: Advertisement): void {
    if (this.#connection.state !== "connected") return;
    encodeAdvertisement(this.#outbox, { address, rkey, size });
    this.#connection.send(SEND, OUTBOX, ADVERTISEMENT_BYTES, 0);
  }

  /**
   * Returns the peer's next message.
   *
   * @param what a description for errors.
   * @returns `undefined` after the peer disconnected.
   */
  async receiveOrEnd(what: string): Promise<Advertisement | undefined> {
    const arrived = await this.#until(() => this.#received.length > 0, what);
    if (!arrived && this.#connection.state !== "disconnected") throw this.#gone(what);
    return this.#received.shift();
  }

  /** Returns the peer's next message. A disconnection is an error. */
  async receive(what: string): Promise<Advertisement> {
    const message = await this.receiveOrEnd(what);
    if (!message) throw this.#gone(what);
    return message;
  }

  /** Reads from the peer's memory into a part of the arena. */
  async read(offset: number, length: number, from: Advertisement, what: string): Promise<void> {
    if (this.#connection.state !== "connected") throw this.#gone(what);
    this.#transferring = true;
    this.#connection.read(TRANSFER, offset, length, from.address, from.rkey, SIGNALED);
    if (!await this.#until(() => !this.#transferring, what)) throw this.#gone(what);
  }

  /** Writes a part of the arena to the peer's memory. */
  async write(offset: number, length: number, to: Advertisement, what: string): Promise<void> {
    if (this.#connection.state !== "connected") throw this.#gone(what);
    this.#transferring = true;
    this.#connection.write(TRANSFER, offset, length, to.address, to.rkey, SIGNALED);
    if (!await this.#until(() => !this.#transferring, what)) throw this.#gone(what);
  }

  /** Disconnects after all sent messages have arrived. */
  [Symbol.dispose](): void {
    this.#connection.close();
  }

  /** Returns false if the connection ends first. */
  async #until(done: () => boolean, what: string): Promise<boolean> {
    const connection = this.#connection;
    const untilMs = performance.now() + this.#timeoutMs;
    for (;;) {
      while (connection.poll()) this.#take(what);
      if (done()) return true;
      if (connection.state !== "connected") return false;
      const timeoutMs = untilMs - performance.now();
      if (timeoutMs <= 0) {
        throw new PingError(
          `Cannot get ${what}: the peer sent nothing for ${this.#timeoutMs / 1000} s`,
          "silent",
        );
      }
      await connection.wait({ timeoutMs, signal: this.#signal });
    }
  }

  #take(what: string): void {
    const { id, status, byteLength } = this.#connection.completion;
    // The connection's state has the reason of flushed requests and of missing acknowledgements.
    if (status === Status.WR_FLUSH_ERR || status === Status.RETRY_EXC_ERR) return;
    if (status !== Status.SUCCESS) {
      throw new PingError(`Cannot get ${what}: ${statusName(status)}`, "failed");
    }
    if (id === TRANSFER) this.#transferring = false;
    if (id !== RECEIVE) return;
    this.#received.push(decodeAdvertisement(this.#inbox.subarray(0, byteLength)));
    if (this.#connection.state !== "connected") return; // messages from before the disconnection still count
    this.#connection.postReceive(RECEIVE, INBOX, ADVERTISEMENT_BYTES);
  }

  #gone(what: string): PingError {
    return new PingError(`Cannot get ${what}: ${this.#connection.reason}`, "gone");
  }
}
