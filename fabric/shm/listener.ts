/** Where shm connections arrive. */

import { EADDRINUSE, ErrnoError } from "../../ffi/errno.ts";
import { acceptUnix, closeUnix, listenUnix, peerUser } from "../../ffi/unix_socket.ts";
import { FabricError } from "../errors.ts";
import type { ConnectionRequest, Listener } from "../fabric.ts";
import { HELLO, receiveIntroduction } from "./handshake.ts";
import type { ShmContext } from "./join.ts";
import { ShmRequest } from "./request.ts";

/** Connections that may be half open at a time; one more ends the oldest. */
const MAX_HALF_OPEN = 64;
/** How long a peer that has connected may take to say hello. */
const HELLO_MS = 2000;
/** Requests that may wait to be accepted; each holds three descriptors. */
const MAX_WAITING = 128;
/** How long to wait when the process has no descriptor left for a connection. */
const RETRY_MS = 20;
const BACKLOG = 128;

export class ShmListener implements Listener {
  readonly address: string;
  readonly #context: ShmContext;
  readonly #closing = new AbortController();
  readonly #requests: ShmRequest[] = [];
  readonly #takers: ((request: ShmRequest | undefined) => void)[] = [];
  readonly #halfOpen = new Set<number>();
  #fd: number;

  constructor(context: ShmContext, socketName: string, address: string) {
    this.#context = context;
    this.address = address;
    try {
      this.#fd = listenUnix(context.libc, socketName, BACKLOG);
    } catch (error) {
      if (!(error instanceof ErrnoError) || error.errno !== EADDRINUSE) throw error;
      throw new FabricError(`Cannot listen on ${address}: the address is taken`, "address", {
        cause: error,
      });
    }
    this.#run();
  }

  async accept(options: { signal?: AbortSignal } = {}): Promise<ConnectionRequest | undefined> {
    options.signal?.throwIfAborted();
    let waiting = this.#requests.shift();
    while (waiting?.gone) {
      waiting.drop();
      waiting = this.#requests.shift();
    }
    if (waiting || this.#fd < 0) return waiting;
    const { promise, resolve, reject } = Promise.withResolvers<ConnectionRequest | undefined>();
    const abort = () => {
      const i = this.#takers.indexOf(resolve);
      if (i < 0) return; // a request has just come for it
      this.#takers.splice(i, 1);
      reject(options.signal!.reason);
    };
    this.#takers.push(resolve);
    options.signal?.addEventListener("abort", abort, { once: true });
    try {
      return await promise;
    } finally {
      options.signal?.removeEventListener("abort", abort);
    }
  }

  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    this.#closing.abort();
    this.#context.poller.release(fd);
    closeUnix(this.#context.libc, fd);
    for (const request of this.#requests.splice(0)) request.drop();
    for (const take of this.#takers.splice(0)) take(undefined);
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
        } catch { // this process has no descriptor left: wait until one comes free
          await poller.readable(-1, { timeoutMs: RETRY_MS, signal: this.#closing.signal })
            .catch(() => {});
        }
      }
    }
  }

  /** Waits for the hello of a new connection, beside others. */
  async #greet(fd: number): Promise<void> {
    const { libc, poller } = this.#context;
    // Who is honest says hello at once, so the oldest is the least likely to.
    if (this.#halfOpen.size >= MAX_HALF_OPEN) {
      const oldest = this.#halfOpen.values().next().value!;
      this.#halfOpen.delete(oldest);
      poller.release(oldest);
    }
    this.#halfOpen.add(fd);
    try {
      const { uid, pid } = peerUser(libc, fd);
      if (uid !== libc.c.getuid()) throw new FabricError(`Cannot serve user ${uid}`, "peer");
      const said = await poller.readable(fd, { timeoutMs: HELLO_MS, signal: this.#closing.signal });
      const peer = said ? receiveIntroduction(libc, fd, HELLO) : undefined;
      if (!peer) throw new FabricError("Cannot shake hands: no hello came", "peer");
      this.#offer(new ShmRequest(this.#context, fd, peer, pid));
    } catch {
      closeUnix(libc, fd); // whoever it was has shown that it is no peer of ours
    } finally {
      this.#halfOpen.delete(fd);
    }
  }

  #offer(request: ShmRequest): void {
    if (request.gone) return request.drop();
    const take = this.#takers.shift();
    if (take) return take(request);
    if (this.#requests.length >= MAX_WAITING) this.#sweep();
    if (this.#fd >= 0 && this.#requests.length < MAX_WAITING) this.#requests.push(request);
    else request.drop();
  }

  /** Drops the requests whose peers have given up. */
  #sweep(): void {
    for (const request of this.#requests.splice(0)) {
      if (request.gone) request.drop();
      else this.#requests.push(request);
    }
  }
}
