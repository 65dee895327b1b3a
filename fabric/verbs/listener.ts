/** The listener for verbs connections. */

import type { Poller } from "../../ffi/poller.ts";
import { OPTION } from "../../ffi/verbs/constants.ts";
import type { TakenCmEvent } from "../../ffi/verbs/events.ts";
import type { CmId } from "../../ffi/verbs/handles.ts";
import { idContext, idLocalAddress } from "../../ffi/verbs/objects.ts";
import { EADDRINUSE, EADDRNOTAVAIL, ENODEV, ErrnoError, errnoError } from "../../ffi/errno.ts";
import { FabricError } from "../errors.ts";
import type { ConnectionRequest, Listener } from "../fabric.ts";
import { RequestQueue } from "../request_queue.ts";
import type { VerbsConnection } from "./connection.ts";
import type { ConnectionManager } from "./connection_manager.ts";
import { VerbsRequest } from "./request.ts";
import { BACKLOG } from "./tuning.ts";

/** Listens by an id of rdma_cm. */
export class VerbsListener implements Listener {
  readonly address: string;
  readonly #cm: ConnectionManager;
  readonly #poller: Poller;
  readonly #id: CmId;
  readonly #onConnected: (connection: VerbsConnection) => void;
  readonly #requests = new RequestQueue<VerbsRequest>(BACKLOG);
  #open = true;

  /**
   * @param local struct sockaddr to listen on; its port may be 0.
   * @param host its name in the address for peers.
   * @param onConnected called with each accepted connection.
   * @throws {FabricError} code `address` when the address is in use or of another host; `unavailable` when no device
   * has it.
   */
  constructor(
    cm: ConnectionManager,
    poller: Poller,
    local: Uint8Array<ArrayBuffer>,
    host: string,
    onConnected: (connection: VerbsConnection) => void,
  ) {
    const { rdma, libc, memory } = cm.verbs;
    this.#cm = cm;
    this.#poller = poller;
    this.#onConnected = onConnected;
    this.#id = cm.create((event) => this.#onEvent(event));
    try {
      const yes = new Uint8Array(new Int32Array([1]).buffer);
      // Allows a port that was in use just before, as SO_REUSEADDR does.
      rdma.rdma_set_option(this.#id, OPTION.ID, OPTION.ID_REUSEADDR, yes, 4n);
      if (
        rdma.rdma_bind_addr(this.#id, local) !== 0 || rdma.rdma_listen(this.#id, BACKLOG) !== 0
      ) {
        throw libc.fail(`listen on ${host}`);
      }
      if (idContext(memory, this.#id) === null) { // so for the loopback address, and for "all addresses"
        throw errnoError(`listen on ${host}`, ENODEV);
      }
    } catch (cause) {
      cm.destroy(this.#id);
      throw listenError(cause as Error);
    }
    const { port } = idLocalAddress(memory, this.#id);
    this.address = `verbs://${host.includes(":") ? `[${host}]` : host}:${port}`;
    cm.hold();
  }

  accept(options: { signal?: AbortSignal } = {}): Promise<ConnectionRequest | undefined> {
    return this.#requests.take(options.signal);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#requests.close();
    this.#cm.drain(); // requests that have arrived since are dropped
    this.#cm.destroy(this.#id);
    this.#cm.unhold();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #onEvent(event: TakenCmEvent): void {
    if (event.name !== "CONNECT_REQUEST") return;
    this.#requests.offer(new VerbsRequest(this.#cm, this.#poller, event, this.#onConnected));
  }
}

function listenError(cause: Error): FabricError {
  const errno = cause instanceof ErrnoError ? cause.errno : 0;
  if (errno === EADDRINUSE || errno === EADDRNOTAVAIL) {
    return new FabricError(cause.message, "address", { cause });
  }
  const hint = errno === ENODEV ? ": no RDMA device has this address" : "";
  return new FabricError(cause.message + hint, "unavailable", { cause });
}
