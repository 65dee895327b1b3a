/** A bare ping-pong of writes with immediate: the lower bound of a call over the fabric. */

import { Access, type Connection } from "../../fabric/fabric.ts";
import { Opcode, Status } from "../../fabric/status.ts";

/** The largest message. */
const MAX_PING_BYTES = 1 << 20;
/** Receives that an end keeps posted. One message is in flight at a time. */
const RECEIVES = 64;
const INBOUND_AT = MAX_PING_BYTES;
const HELLO_AT = 2 * MAX_PING_BYTES;
const HELLO_BYTES = 16;

/** The options of both connections. */
export const PING_PONG_OPTIONS = {
  arenaBytes: HELLO_AT + 2 * HELLO_BYTES,
  receiveDepth: 2 * RECEIVES,
  receives: [{ id: 0, offset: HELLO_AT, length: HELLO_BYTES }],
};

/** One end, after both have exchanged the addresses of their memory. */
export class PingPong {
  readonly #connection: Connection;
  readonly #address: number;
  readonly #rkey: number;
  #taken = 0;

  private constructor(connection: Connection, address: number, rkey: number) {
    this.#connection = connection;
    this.#address = address;
    this.#rkey = rkey;
  }

  /** Exchanges the addresses of memory with the peer. */
  static async begin(connection: Connection): Promise<PingPong> {
    const region = connection.register(INBOUND_AT, MAX_PING_BYTES, Access.REMOTE_WRITE);
    connection.postReceives(RECEIVES);
    const hello = new DataView(connection.buffer(HELLO_AT + HELLO_BYTES, HELLO_BYTES));
    hello.setFloat64(0, region.address);
    hello.setUint32(8, region.rkey);
    connection.send(0, HELLO_AT + HELLO_BYTES, HELLO_BYTES, 0);
    while (!connection.poll()) {
      if (!await connection.wait({ timeoutMs: 5000 })) {
        throw new Error("Cannot begin the ping-pong: no hello from the peer");
      }
    }
    const received = new DataView(connection.buffer(HELLO_AT, HELLO_BYTES));
    return new PingPong(connection, received.getFloat64(0), received.getUint32(8));
  }

  /** Sends `bytes` to the peer, with a number. */
  send(bytes: number, number: number): void {
    this.#connection.writeImmediate(0, 0, bytes, this.#address, this.#rkey, number, 0);
  }

  /** Spins until the next message of the peer. Returns its number. */
  receive(): number {
    const connection = this.#connection;
    for (let polls = 1; !connection.poll(); polls++) {
      if (polls % 1_000_000 === 0 && !connection.probe()) {
        throw new Error(`Cannot receive: ${connection.reason}`);
      }
    }
    const { opcode, status, immediate } = connection.completion;
    if (status !== Status.SUCCESS || opcode !== Opcode.RECEIVE_WRITE_IMMEDIATE) {
      throw new Error(`Cannot receive: ${connection.reason}`);
    }
    if (++this.#taken === RECEIVES / 2) {
      this.#taken = 0;
      connection.postReceives(RECEIVES / 2);
    }
    return immediate;
  }
}
