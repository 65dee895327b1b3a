/** The provider for RDMA devices: InfiniBand, RoCE, soft-RoCE. */

import { type Holdings, openLibc } from "../../ffi/libc.ts";
import { Poller } from "../../ffi/poller.ts";
import { openVerbs as openLibraries } from "../../ffi/verbs/open_verbs.ts";
import { resolveSocketAddress } from "../../ffi/verbs/socket_address.ts";
import { parseAddress } from "../address.ts";
import { FabricError } from "../errors.ts";
import type { Connection, ConnectionOptions, Listener, Provider } from "../fabric.ts";
import { checkConnectionOptions } from "../options.ts";
import type { VerbsConnection } from "./connection.ts";
import { ConnectionManager } from "./connection_manager.ts";
import { connectVerbs, limitsOf } from "./handshake.ts";
import { VerbsListener } from "./listener.ts";
import { findRdmaHost } from "./rdma_host.ts";
import { KEEP_ALIVE_MS } from "./tuning.ts";

/** Options of {@linkcode openVerbs}. */
export interface VerbsOptions {
  /** The IP address at which `listen()` without an address listens. @default {the first one with an RDMA device} */
  host?: string;
}

class VerbsProvider implements Provider {
  readonly name = "verbs";
  readonly closed: Promise<void>;
  readonly #poller: Poller;
  readonly #cm: ConnectionManager;
  readonly #host: string | undefined;
  readonly #connections = new Set<VerbsConnection>();
  #keepAliveTimer: ReturnType<typeof setInterval> | undefined;
  #open = true;

  constructor({ host }: VerbsOptions, holdings?: Holdings) {
    this.#host = host;
    const libc = openLibc(holdings);
    try {
      const verbs = openLibraries(libc);
      this.#poller = new Poller(libc);
      this.#cm = new ConnectionManager(verbs, this.#poller);
      this.closed = this.#poller.closed.then(() => { // its last call still needs the library
        verbs.close();
        libc.close();
      });
    } catch (cause) {
      libc.close();
      throw new FabricError((cause as Error).message, "unavailable", { cause });
    }
  }

  async listen(address?: string): Promise<Listener> {
    const { host, port } = address === undefined
      ? { host: this.#host ?? await findRdmaHost(this.#cm), port: 0 }
      : hostAndPort(address);
    const local = await resolve(host, port, true);
    return new VerbsListener(
      this.#cm,
      this.#poller,
      local,
      host,
      (connection) => this.#watch(connection),
    );
  }

  async connect(address: string, options: ConnectionOptions): Promise<Connection> {
    const { host, port } = hostAndPort(address);
    checkConnectionOptions(options);
    const limits = limitsOf(options);
    const peer = await resolve(host, port, false);
    limits.signal?.throwIfAborted();
    const connection = await connectVerbs(
      this.#cm,
      this.#poller,
      peer,
      address,
      options,
      limits,
    );
    this.#watch(connection);
    return connection;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    clearInterval(this.#keepAliveTimer);
    this.#cm.close();
    this.#poller.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }

  /** Checks a connection regularly while it is open, even if its owner does nothing with it. */
  #watch(connection: VerbsConnection): void {
    this.#connections.add(connection);
    connection.onClosed = () => {
      this.#connections.delete(connection);
      if (this.#connections.size > 0) return;
      clearInterval(this.#keepAliveTimer);
      this.#keepAliveTimer = undefined;
    };
    if (this.#keepAliveTimer !== undefined) return;
    this.#keepAliveTimer = setInterval(() => {
      this.#cm.drain();
      for (const open of this.#connections) open.keepAlive();
    }, KEEP_ALIVE_MS);
    Deno.unrefTimer(this.#keepAliveTimer);
  }
}

function hostAndPort(address: string): { host: string; port: number } {
  const parsed = parseAddress(address);
  if (parsed.provider !== "verbs") {
    throw new FabricError(
      `Cannot use ${address} with the verbs fabric: expected verbs://HOST:PORT`,
      "address",
    );
  }
  return parsed;
}

async function resolve(
  host: string,
  port: number,
  passive: boolean,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await resolveSocketAddress({ host, port }, { passive });
  } catch (cause) {
    throw new FabricError((cause as Error).message, "address", { cause });
  }
}

/**
 * Opens the RDMA libraries for the calling thread.
 *
 * @param holdings of a thread that may end while its process goes on.
 * @throws {FabricError} code `unavailable` when there is no library, no device or no permission; the message has the remedy.
 * @throws {Deno.errors.NotCapable} without `--allow-ffi`.
 */
export function openVerbs(options: VerbsOptions = {}, holdings?: Holdings): Provider {
  return new VerbsProvider(options, holdings);
}
