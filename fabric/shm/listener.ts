/** Where shm connections arrive. */

import { EADDRINUSE, ErrnoError } from "../../ffi/errno.ts";
import { acceptUnix, listenUnix, peerUser } from "../../ffi/unix_socket.ts";
import { FabricError } from "../errors.ts";
import type { Connection, ConnectionOptions, ConnectionRequest, Listener } from "../fabric.ts";
import {
  ACCEPT,
  checkPrivateData,
  HELLO,
  type ReceivedIntroduction,
  receiveIntroduction,
  REJECT,
  sendIntroduction,
} from "./handshake.ts";
import { joinEnds, type OwnEnd, prepareEnd, type ShmContext } from "./join.ts";
import { closeDescriptors } from "./memory.ts";

/** Connections that may be half open at a time; one more is closed at once. */
const MAX_HALF_OPEN = 64;
/** How long a peer that has connected may take to say hello. */
const HELLO_MS = 2000;
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
    const waiting = this.#requests.shift();
    if (waiting || this.#fd < 0) return waiting;
    const { promise, resolve, reject } = Promise.withResolvers<ConnectionRequest | undefined>();
    const abort = () => {
      this.#takers.splice(this.#takers.indexOf(resolve), 1);
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
    this.#context.libc.c.close(fd);
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
        const fd = acceptUnix(libc, this.#fd);
        if (fd < 0) break;
        this.#greet(fd);
      }
    }
  }

  /** Waits for the hello of a new connection, beside others. */
  async #greet(fd: number): Promise<void> {
    const { libc, poller } = this.#context;
    if (this.#halfOpen.size >= MAX_HALF_OPEN || peerUser(libc, fd).uid !== libc.c.getuid()) {
      libc.c.close(fd);
      return;
    }
    this.#halfOpen.add(fd);
    try {
      const said = await poller.readable(fd, { timeoutMs: HELLO_MS, signal: this.#closing.signal });
      const peer = said ? receiveIntroduction(libc, fd) : undefined;
      if (peer?.kind !== HELLO) throw new FabricError("Cannot shake hands: no hello came", "peer");
      const request = new ShmRequest(this.#context, fd, peer);
      const take = this.#takers.shift();
      if (take) take(request);
      else if (this.#fd >= 0) this.#requests.push(request);
      else request.drop();
    } catch {
      libc.c.close(fd); // whoever it was has shown that it is no peer of ours
    } finally {
      this.#halfOpen.delete(fd);
    }
  }
}

class ShmRequest implements ConnectionRequest {
  readonly privateData: Uint8Array;
  readonly #context: ShmContext;
  readonly #fd: number;
  readonly #peer: ReceivedIntroduction;
  #answered = false;

  constructor(context: ShmContext, fd: number, peer: ReceivedIntroduction) {
    this.#context = context;
    this.#fd = fd;
    this.#peer = peer;
    this.privateData = peer.privateData;
  }

  // deno-lint-ignore require-await -- the contract is asynchronous; this provider need not wait
  async accept(options: ConnectionOptions): Promise<Connection> {
    this.#answer();
    const { libc } = this.#context;
    let mine: OwnEnd | undefined;
    try {
      const privateData = checkPrivateData(options.privateData ?? new Uint8Array(0));
      mine = prepareEnd(this.#context, options);
      const { memory: { entries }, firstSequence } = mine;
      const connection = joinEnds(this.#context, this.#fd, mine, this.#peer, options);
      const accept = {
        kind: ACCEPT,
        entries,
        firstSequence,
        arenaBytes: options.arenaBytes,
        privateData,
      };
      try {
        sendIntroduction(libc, this.#fd, accept, mine.descriptors);
      } catch (error) {
        mine = undefined; // closed with the connection
        connection.close();
        throw new FabricError("Cannot accept a connection: the peer has gone", "peer", {
          cause: error,
        });
      } finally {
        if (mine) closeDescriptors(libc, mine.descriptors);
      }
      return connection;
    } catch (error) {
      if (mine) {
        mine.memory.arena.close();
        mine.memory.control.close();
        libc.c.close(this.#fd);
      }
      throw error;
    }
  }

  reject(privateData: Uint8Array = new Uint8Array(0)): void {
    checkPrivateData(privateData);
    this.#answer();
    const { libc } = this.#context;
    try {
      sendIntroduction(libc, this.#fd, {
        kind: REJECT,
        entries: 0,
        firstSequence: 0,
        arenaBytes: 0,
        privateData,
      });
    } catch {
      // a peer that has gone needs no answer
    }
    this.#release();
  }

  /** Lets an unanswered request go. */
  drop(): void {
    this.#answered = true;
    this.#release();
  }

  #release(): void {
    closeDescriptors(this.#context.libc, this.#peer.descriptors!);
    this.#context.libc.c.close(this.#fd);
  }

  #answer(): void {
    if (this.#answered) throw new FabricError("Cannot answer a connection request twice", "state");
    this.#answered = true;
  }
}
