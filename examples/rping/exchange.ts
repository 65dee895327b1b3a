/** One end of a connection as rping uses it: messages both ways, reads and writes of the peer's memory. */

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

/** Where things lie in the arena; messages and data in cache lines of their own. */
const INBOX = 0;
const OUTBOX = 64;
export const PING = 128;
export const PONG = PING + MOST_PING_BYTES + 1;
const ARENA_BYTES = PONG + MOST_PING_BYTES + 1;

/** What the id of a completion says. */
const RECEIVE = 1;
const SEND = 2;
const TRANSFER = 3;

/** What both ends can be told. */
export interface ExchangeOptions {
  /** Text to send along when connecting or accepting. */
  readonly say: string;
  /** How long the peer may take for its next step. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What a connection for an {@linkcode Exchange} is made with: its first receive waits before the peer can send. */
export function connectionOptions({ say, timeoutMs, signal }: ExchangeOptions): ConnectionOptions {
  return {
    arenaBytes: ARENA_BYTES,
    receives: [{ id: RECEIVE, offset: INBOX, length: ADVERTISEMENT_BYTES }],
    privateData: new TextEncoder().encode(say),
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
  /** Messages that have come, of which at most one is new where both ends follow the protocol. */
  readonly #heard: Advertisement[] = [];
  #transferring = false;

  /** @param connection one that was made with {@linkcode connectionOptions}; it is taken over. */
  constructor(connection: Connection, { timeoutMs, signal }: ExchangeOptions) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    this.#inbox = this.bytes(INBOX, ADVERTISEMENT_BYTES);
    this.#outbox = this.bytes(OUTBOX, ADVERTISEMENT_BYTES);
  }

  /** What the peer sent along; RDMA fills it up with zeros, and rping of rdma-core sends nothing. */
  get peerSays(): string {
    return new TextDecoder().decode(this.#connection.privateData).replace(/\0+$/, "");
  }

  /** A part of the arena, to read and write in place. */
  bytes(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#connection.buffer(offset, length));
  }

  /** Lets the peer use a part of the arena. */
  register(offset: number, length: number, access: number): MemoryRegion {
    return this.#connection.register(offset, length, access);
  }

  /** Sends a message. The one before has been answered by now, so the outbox is free. */
  say({ address, rkey, size }: Advertisement): void {
    encodeAdvertisement(this.#outbox, { address, rkey, size });
    this.#connection.send(SEND, OUTBOX, ADVERTISEMENT_BYTES, 0);
  }

  /**
   * The peer's next message.
   *
   * @param what is awaited, for errors.
   * @returns `undefined` once the peer has disconnected.
   */
  async hearOrEnd(what: string): Promise<Advertisement | undefined> {
    const come = await this.#until(() => this.#heard.length > 0, what);
    if (!come && this.#connection.state !== "disconnected") throw this.#gone(what);
    return this.#heard.shift();
  }

  /** The peer's next message, which must come. */
  async hear(what: string): Promise<Advertisement> {
    const message = await this.hearOrEnd(what);
    if (!message) throw this.#gone(what);
    return message;
  }

  /** Fills a part of the arena from the peer's memory. */
  async read(offset: number, length: number, from: Advertisement, what: string): Promise<void> {
    this.#transferring = true;
    this.#connection.read(TRANSFER, offset, length, from.address, from.rkey, SIGNALED);
    if (!await this.#until(() => !this.#transferring, what)) throw this.#gone(what);
  }

  /** Puts a part of the arena into the peer's memory. */
  async write(offset: number, length: number, to: Advertisement, what: string): Promise<void> {
    this.#transferring = true;
    this.#connection.write(TRANSFER, offset, length, to.address, to.rkey, SIGNALED);
    if (!await this.#until(() => !this.#transferring, what)) throw this.#gone(what);
  }

  /** Disconnects, after what was sent has arrived. */
  [Symbol.dispose](): void {
    this.#connection.close();
  }

  /** False when the connection is over before. */
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
          `Cannot get ${what}: the peer said nothing for ${this.#timeoutMs / 1000} s`,
          "silent",
        );
      }
      await connection.wait({ timeoutMs, signal: this.#signal });
    }
  }

  #take(what: string): void {
    const { id, status, byteLength } = this.#connection.completion;
    // The connection's state tells why what was outstanding came back, and that nobody answers.
    if (status === Status.WR_FLUSH_ERR || status === Status.RETRY_EXC_ERR) return;
    if (status !== Status.SUCCESS) {
      throw new PingError(`Cannot get ${what}: ${statusName(status)}`, "failed");
    }
    if (id === TRANSFER) this.#transferring = false;
    if (id !== RECEIVE) return;
    this.#heard.push(decodeAdvertisement(this.#inbox.subarray(0, byteLength)));
    if (this.#connection.state !== "connected") return; // what it said before it left still counts
    this.#connection.postReceive(RECEIVE, INBOX, ADVERTISEMENT_BYTES);
  }

  #gone(what: string): PingError {
    return new PingError(`Cannot get ${what}: ${this.#connection.reason}`, "gone");
  }
}
