/** The provider for processes of the same user on one host. */

import { type Holdings, openLibc } from "../../ffi/libc.ts";
import { ECONNREFUSED, ErrnoError } from "../../ffi/errno.ts";
import { Poller } from "../../ffi/poller.ts";
import { closeUnix, connectUnix, peerUser } from "../../ffi/sockets/unix_socket.ts";
import { parseAddress } from "../address.ts";
import { FabricError } from "../errors.ts";
import { checkConnectionOptions } from "../options.ts";
import type { Connection, ConnectionOptions, Listener, Provider } from "../fabric.ts";
import { CoreMoves } from "./core_moves.ts";
import { ACCEPT, HELLO, receiveIntroduction, REJECT, sendIntroduction } from "./handshake.ts";
import { ShmListener } from "./listener.ts";
import { closeDescriptors } from "./memory.ts";
import {
  joinEnds,
  type OwnEnd,
  prepareEnd,
  releaseMemory,
  type ShmContext,
  type ShmTuning,
} from "./join.ts";

/** The prefix of socket names, which identifies them in the output of `ss -x`. */
const SOCKET_PREFIX = "rfaas/";

/** How long to wait between tries while the listener's queue is full. */
const RETRY_MS = 2;

class ShmProvider implements Provider {
  readonly name = "shm";
  readonly closed: Promise<void>;
  readonly #context: ShmContext;
  #open = true;

  constructor(tuning: ShmTuning, holdings?: Holdings) {
    const libc = openLibc(holdings);
    const poller = new Poller(libc);
    this.#context = { libc, poller, moves: new CoreMoves(libc), tuning };
    this.closed = poller.closed.then(() => libc.close()); // its last call still needs the library
  }

  async listen(address?: string): Promise<Listener> {
    const name = socketName(address ?? `shm:${crypto.randomUUID()}`);
    const listen = () =>
      new ShmListener(this.#context, name, `shm:${name.slice(SOCKET_PREFIX.length)}`);
    try {
      return listen();
    } catch (error) {
      if (!(error instanceof FabricError) || error.code !== "address") throw error;
      // The name of a listener that was just closed stays taken until the poll in progress returns; this waits for that.
      await this.#context.poller.readable(-1, { timeoutMs: 0 });
      return listen();
    }
  }

  async connect(address: string, options: ConnectionOptions): Promise<Connection> {
    const { libc, poller } = this.#context;
    const name = socketName(address);
    checkConnectionOptions(options);
    const untilMs = performance.now() + (options.timeoutMs ?? 5000);
    const timedOut = (state: string) =>
      new FabricError(
        `Cannot connect to ${address}: ${state} within ${options.timeoutMs ?? 5000} ms`,
        "timeout",
      );
    // Before it dials: the hello follows at once, and the listener finds both when it wakes.
    const mine = prepareEnd(this.#context, options);
    let fd = -1;
    try {
      try {
        fd = await this.#dial(name, address, untilMs, options.signal);
        if (fd < 0) throw timedOut("the listener's queue stayed full");
        this.#checkUser(fd, address);
        this.#sendHello(fd, address, mine, options);
      } finally {
        closeDescriptors(libc, mine.descriptors);
      }
      const timeoutMs = Math.max(0, untilMs - performance.now());
      if (!await poller.readable(fd, { timeoutMs, signal: options.signal })) {
        throw timedOut("no answer");
      }
      const peer = receiveIntroduction(libc, fd, ACCEPT);
      if (peer?.kind === REJECT) {
        throw new FabricError(
          `Cannot connect to ${address}: the listener rejected the request`,
          "rejected",
          {
            privateData: peer.privateData,
          },
        );
      }
      if (peer === undefined) {
        throw new FabricError(`Cannot connect to ${address}: the peer has sent no answer`, "peer");
      }
      return joinEnds(this.#context, fd, mine, peer, options);
    } catch (error) {
      releaseMemory(mine);
      if (fd >= 0) closeUnix(libc, fd);
      throw error;
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#context.poller.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return this.closed;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Checks that the listener belongs to this process's user. */
  #checkUser(fd: number, address: string): void {
    const { libc } = this.#context;
    const { uid } = peerUser(libc, fd);
    const own = libc.c.getuid();
    if (uid === own) return;
    throw new FabricError(
      `Cannot connect to ${address}: it belongs to user ${uid} and this process to user ${own}, ` +
        "but shared memory connects processes of one user",
      "peer",
    );
  }

  #sendHello(fd: number, address: string, mine: OwnEnd, options: ConnectionOptions): void {
    const { memory: { entries }, firstSequence, descriptors } = mine;
    const hello = {
      kind: HELLO,
      entries,
      firstSequence,
      arenaBytes: options.arenaBytes,
      privateData: options.privateData ?? new Uint8Array(0),
    };
    try {
      sendIntroduction(this.#context.libc, fd, hello, descriptors);
    } catch (cause) {
      const message = `Cannot connect to ${address}: the listener has closed`;
      throw new FabricError(message, "peer", { cause });
    }
  }

  async #dial(
    name: string,
    address: string,
    untilMs: number,
    signal?: AbortSignal,
  ): Promise<number> {
    for (;;) {
      signal?.throwIfAborted();
      try {
        const fd = connectUnix(this.#context.libc, name);
        if (fd >= 0 || performance.now() >= untilMs) return fd;
      } catch (error) {
        if (!(error instanceof ErrnoError)) throw error;
        const refused = error.errno === ECONNREFUSED;
        throw new FabricError(
          `Cannot connect to ${address}: ${
            refused ? "no listener at this address" : error.message
          }`,
          refused ? "refused" : "unavailable",
          { cause: error },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

function socketName(address: string): string {
  const parsed = parseAddress(address);
  if (parsed.provider !== "shm") {
    throw new FabricError(
      `Cannot use ${address} with the shm fabric: expected shm:NAME`,
      "address",
    );
  }
  return SOCKET_PREFIX + parsed.name;
}

/**
 * Opens shared memory for the calling thread.
 *
 * @param holdings of a thread that may end while its process goes on.
 * @throws {Deno.errors.NotCapable} without `--allow-ffi`.
 */
export function openShm(tuning: ShmTuning = {}, holdings?: Holdings): Provider {
  return new ShmProvider(tuning, holdings);
}
