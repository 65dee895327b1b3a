/** The listener for shm connections. */

import { EADDRINUSE, ErrnoError } from "../../ffi/errno.ts";
import { acceptUnix, closeUnix, listenUnix, peerUser } from "../../ffi/sockets/unix_socket.ts";
import { FabricError } from "../errors.ts";
import type { ConnectionRequest, Listener } from "../fabric.ts";
import { RequestQueue } from "../request_queue.ts";
import { HELLO, receiveIntroduction } from "./handshake.ts";
import type { ShmContext } from "./join.ts";
import { ShmRequest } from "./request.ts";

/** Connections that may be half open at a time; a further one ends the oldest. */
const MAX_HALF_OPEN = 64;
/** How long a connected peer may take to send its hello. */
const HELLO_MS = 2000;
/** Requests that may wait to be accepted; each holds three descriptors. */
const MAX_WAITING = 128;
/** How long to wait when the process has no free descriptor for a connection. */
const RETRY_MS = 20;
const BACKLOG = 128;

/** Listens on an abstract Unix socket. Peers of other users and malformed hellos never reach `accept`. */
export class ShmListener implements Listener {
  readonly address: string;
  readonly #context: ShmContext;
  readonly #closing = new AbortController();
  readonly #requests = new RequestQueue<ShmRequest>(MAX_WAITING);
  readonly #halfOpen = new Set<number>();
  #fd: number;

  /**
   * @throws {FabricError} code `address` when the name is in use.
   * @throws {ErrnoError} when the kernel refuses for another reason.
   */
  constructor(context: ShmContext, socketName: string, address: string) {
    this.#context = context;
    this.address = address;
    try {
      this.#fd = listenUnix(context.libc, socketName, BACKLOG);
    } catch (error) {
      if (!(error instanceof ErrnoError) || error.errno !== EADDRINUSE) throw error;
      throw new FabricError(`Cannot listen on ${address}: the address is in use`, "address", {
        cause: error,
      });
    }
    this.#run();
  }

  accept(options: { signal?: AbortSignal } = {}): Promise<ConnectionRequest | undefined> {
    return this.#requests.take(options.signal);
  }

  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    this.#closing.abort();
    this.#context.poller.release(fd);
    closeUnix(this.#context.libc, fd);
    this.#requests.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #run(): Promise<void> {
    const { libc, poller } = this.#context;
    while (this.#fd >= 0) {
      try {
        await poller.readable(this.#fd, { signal: this.#closing.signal });
      } catch {
        return; // closed
      }
      while (this.#fd >= 0) {
        try {
          const fd = acceptUnix(libc, this.#fd);
          if (fd < 0) break;
          this.#greet(fd);
        } catch { // this process has no free descriptor: wait until it closes one
          await poller.readable(-1, { timeoutMs: RETRY_MS, signal: this.#closing.signal })
            .catch(() => {});
        }
      }
    }
  }

  /** Waits for the hello of a new connection, concurrently with others. */
  async #greet(fd: number): Promise<void> {
    const { libc, poller } = this.#context;
    // An honest peer sends its hello at once, so the oldest is the least likely to be one.
    if (this.#halfOpen.size >= MAX_HALF_OPEN) {
      const oldest = this.#halfOpen.values().next().value!;
      this.#halfOpen.delete(oldest);
      poller.release(oldest);
    }
    this.#halfOpen.add(fd);
    try {
      const { uid, pid } = peerUser(libc, fd);
      if (uid !== libc.c.getuid()) throw new FabricError(`Cannot serve user ${uid}`, "peer");
      // It has arrived already in most cases: then there is no wait, which takes another turn of the event loop.
      let peer = receiveIntroduction(libc, fd, HELLO);
      if (!peer) {
        const options = { timeoutMs: HELLO_MS, signal: this.#closing.signal };
        const arrived = await poller.readable(fd, options);
        peer = arrived ? receiveIntroduction(libc, fd, HELLO) : undefined;
      }
      if (!peer) {
        throw new FabricError(
          `Cannot complete the handshake: no hello within ${HELLO_MS} ms`,
          "peer",
        );
      }
      this.#requests.offer(new ShmRequest(this.#context, fd, peer, pid));
    } catch {
      closeUnix(libc, fd); // not a valid peer
    } finally {
      this.#halfOpen.delete(fd);
    }
  }
}
