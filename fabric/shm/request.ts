/** A request for a shm connection, to be accepted, rejected or dropped. */

import { closeUnix } from "../../ffi/sockets/unix_socket.ts";
import { answeredBefore } from "../connection_errors.ts";
import { FabricError } from "../errors.ts";
import type { Connection, ConnectionOptions, ConnectionRequest } from "../fabric.ts";
import { checkConnectionOptions, checkPrivateData } from "../options.ts";
import { Doorbell } from "./doorbell.ts";
import { ACCEPT, type ReceivedIntroduction, REJECT, sendIntroduction } from "./handshake.ts";
import { joinEnds, type OwnEnd, prepareEnd, releaseMemory, type ShmContext } from "./join.ts";
import { closeDescriptors } from "./memory.ts";

/** Holds the peer's socket and descriptors until it is answered. */
export class ShmRequest implements ConnectionRequest {
  readonly privateData: Uint8Array;
  readonly peerProcess: number;
  readonly #context: ShmContext;
  readonly #fd: number;
  readonly #peer: ReceivedIntroduction;
  #answered = false;

  constructor(context: ShmContext, fd: number, peer: ReceivedIntroduction, pid: number) {
    this.peerProcess = pid;
    this.#context = context;
    this.#fd = fd;
    this.#peer = peer;
    this.privateData = peer.privateData;
  }

  // deno-lint-ignore require-await -- the interface is asynchronous; this provider does not wait
  async accept(options: ConnectionOptions): Promise<Connection> {
    checkConnectionOptions(options);
    this.#answer();
    const { libc } = this.#context;
    let mine: OwnEnd;
    try {
      mine = prepareEnd(this.#context, options);
    } catch (error) {
      this.#release();
      throw error;
    }
    try {
      return this.#join(mine, options);
    } finally {
      closeDescriptors(libc, mine.descriptors);
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
      // the peer has gone and needs no answer
    }
    this.#release();
  }

  /** Closes a request that was not answered. */
  drop(): void {
    this.#answered = true;
    this.#release();
  }

  /** Whether the peer has given up waiting. A system call. */
  get gone(): boolean {
    return new Doorbell(this.#context.libc, this.#context.poller, this.#fd).peerGone();
  }

  #join(mine: OwnEnd, options: ConnectionOptions): Connection {
    const { libc } = this.#context;
    let connection: Connection;
    try {
      connection = joinEnds(this.#context, this.#fd, mine, this.#peer, options);
    } catch (error) {
      releaseMemory(mine);
      closeUnix(libc, this.#fd);
      throw error;
    }
    const accept = {
      kind: ACCEPT,
      entries: mine.memory.entries,
      firstSequence: mine.firstSequence,
      arenaBytes: options.arenaBytes,
      privateData: options.privateData ?? new Uint8Array(0),
    };
    try {
      sendIntroduction(libc, this.#fd, accept, mine.descriptors);
    } catch (cause) {
      connection.close();
      throw new FabricError("Cannot accept a connection: the peer has gone", "peer", { cause });
    }
    return connection;
  }

  #release(): void {
    closeDescriptors(this.#context.libc, this.#peer.descriptors!);
    closeUnix(this.#context.libc, this.#fd);
  }

  #answer(): void {
    if (this.#answered) throw answeredBefore();
    this.#answered = true;
  }
}
