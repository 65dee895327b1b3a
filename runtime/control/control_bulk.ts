/** Bulk data of a control channel: it lies in the owner's arena, and the peer reads it by RDMA, piece by piece. */

import { setBytes } from "../../ffi/intrinsics.ts";
import { Access, type Connection, SIGNALED } from "../../fabric/fabric.ts";

/** Bulk data passes through a window of this size. */
export const WINDOW_BYTES = 256 * 1024;

/** Bulk data that the peer may read. */
export interface Lent {
  readonly address: number;
  readonly rkey: number;
  readonly length: number;
}

/** Lends bytes to the peer for as long as the connection lasts. */
export function lendBytes(connection: Connection, at: number, bytes: Uint8Array): Lent {
  new Uint8Array(connection.buffer(at, bytes.length)).set(bytes);
  const { address, rkey } = connection.register(at, Math.max(1, bytes.length), Access.REMOTE_READ);
  return { address, rkey, length: bytes.length };
}

/** Reads the bytes that the peer lends, one piece at a time. */
export class BulkReader {
  readonly #connection: Connection;
  readonly #windowAt: number;
  readonly #readId: number;
  readonly #onPosted: () => void;
  #last: Promise<unknown> = Promise.resolve();
  #piece: { resolve(): void; reject(error: Error): void } | undefined;

  /** @param onPosted called after a read is posted: in shared memory that completes it, and no wake-up follows. */
  constructor(connection: Connection, windowAt: number, readId: number, onPosted: () => void) {
    this.#connection = connection;
    this.#windowAt = windowAt;
    this.#readId = readId;
    this.#onPosted = onPosted;
  }

  /** Reads all of it; a call waits for the one before. */
  async fetch(lent: Lent): Promise<Uint8Array<ArrayBuffer>> {
    const fetched = this.#last.then(() => this.#fetch(lent));
    this.#last = fetched.catch(() => {});
    return await fetched;
  }

  /** The read in flight has completed, or failed with `error`. */
  completed(error?: Error): void {
    const piece = this.#piece;
    this.#piece = undefined;
    if (error) piece?.reject(error);
    else piece?.resolve();
  }

  async #fetch(lent: Lent): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(lent.length);
    const window = new Uint8Array(this.#connection.buffer(this.#windowAt, WINDOW_BYTES));
    for (let at = 0; at < lent.length; at += WINDOW_BYTES) {
      const length = Math.min(WINDOW_BYTES, lent.length - at);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#piece = { resolve, reject };
      this.#connection.read(
        this.#readId,
        this.#windowAt,
        length,
        lent.address + at,
        lent.rkey,
        SIGNALED,
      );
      this.#onPosted();
      await promise;
      setBytes(bytes, window.subarray(0, length), at);
    }
    return bytes;
  }
}
