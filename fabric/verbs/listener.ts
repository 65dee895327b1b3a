/** Where verbs connections arrive. */

import type { Poller } from "../../ffi/poller.ts";
import { OPTION } from "../../ffi/verbs/constants.ts";
import type { TakenCmEvent } from "../../ffi/verbs/events.ts";
import type { CmId } from "../../ffi/verbs/handles.ts";
import { idContext, idLocalAddress } from "../../ffi/verbs/objects.ts";
import { EADDRINUSE, EADDRNOTAVAIL, ENODEV, ErrnoError, errnoError } from "../../ffi/errno.ts";
import { FabricError } from "../errors.ts";
import type { ConnectionRequest, Listener } from "../fabric.ts";
import type { VerbsConnection } from "./connection.ts";
import type { ConnectionManager } from "./connection_manager.ts";
import { VerbsRequest } from "./request.ts";
import { BACKLOG } from "./tuning.ts";

export class VerbsListener implements Listener {
  readonly address: string;
  readonly #cm: ConnectionManager;
  readonly #poller: Poller;
  readonly #id: CmId;
  readonly #made: (connection: VerbsConnection) => void;
  readonly #requests: VerbsRequest[] = [];
  readonly #takers: ((request: ConnectionRequest | undefined) => void)[] = [];
  #open = true;

  /**
   * @param local struct sockaddr to listen on; its port may be 0.
   * @param host what peers call it.
   * @param made is told of each connection that was accepted.
   */
  constructor(
    cm: ConnectionManager,
    poller: Poller,
    local: Uint8Array<ArrayBuffer>,
    host: string,
    made: (connection: VerbsConnection) => void,
  ) {
    const { rdma, libc, memory } = cm.verbs;
    this.#cm = cm;
    this.#poller = poller;
    this.#made = made;
    this.#id = cm.create((event) => this.#hear(event));
    try {
      const yes = new Uint8Array(new Int32Array([1]).buffer);
      // A port that was in use just before may be taken again, as servers do with SO_REUSEADDR.
      rdma.rdma_set_option(this.#id, OPTION.ID, OPTION.ID_REUSEADDR, yes, 4n);
      if (
        rdma.rdma_bind_addr(this.#id, local) !== 0 || rdma.rdma_listen(this.#id, BACKLOG) !== 0
      ) {
        throw libc.fail(`listen on ${host}`);
      }
      if (idContext(memory, this.#id) === null) { // as is that of the loopback, and of "all addresses"
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

  async accept(options: { signal?: AbortSignal } = {}): Promise<ConnectionRequest | undefined> {
    const { signal } = options;
    signal?.throwIfAborted();
    const waiting = this.#requests.shift();
    if (waiting || !this.#open) return waiting;
    const { promise, resolve, reject } = Promise.withResolvers<ConnectionRequest | undefined>();
    const abort = () => {
      const i = this.#takers.indexOf(resolve);
      if (i < 0) return; // a request has just come for it
      this.#takers.splice(i, 1);
      reject(signal!.reason);
    };
    this.#takers.push(resolve);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const request of this.#requests.splice(0)) request.drop();
    this.#cm.drain(); // those that have come in the meantime are dropped as they come
    this.#cm.destroy(this.#id);
    this.#cm.unhold();
    for (const take of this.#takers.splice(0)) take(undefined);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #hear(event: TakenCmEvent): void {
    if (event.name !== "CONNECT_REQUEST") return;
    const request = new VerbsRequest(this.#cm, this.#poller, event, this.#made);
    if (!this.#open || this.#requests.length >= BACKLOG) return request.drop();
    const take = this.#takers.shift();
    if (take) take(request);
    else this.#requests.push(request);
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
