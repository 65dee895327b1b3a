/** A request for a connection over RDMA, to be accepted, rejected or dropped. */

import type { Poller } from "../../ffi/poller.ts";
import type { TakenCmEvent } from "../../ffi/verbs/events.ts";
import { answeredBefore } from "../connection_errors.ts";
import {
  type ConnectionOptions,
  type ConnectionRequest,
  MAX_PRIVATE_DATA_BYTES,
} from "../fabric.ts";
import { checkConnectionOptions, checkPrivateData } from "../options.ts";
import { CmSteps } from "./cm_steps.ts";
import type { VerbsConnection } from "./connection.ts";
import type { ConnectionManager } from "./connection_manager.ts";
import { acceptVerbs } from "./handshake.ts";

/** Holds the request's id until it is answered. */
export class VerbsRequest implements ConnectionRequest {
  readonly privateData: Uint8Array;
  readonly #cm: ConnectionManager;
  readonly #poller: Poller;
  readonly #event: TakenCmEvent;
  readonly #steps = new CmSteps("accept the connection");
  readonly #onConnected: (connection: VerbsConnection) => void;
  #answered = false;

  constructor(
    cm: ConnectionManager,
    poller: Poller,
    event: TakenCmEvent,
    onConnected: (connection: VerbsConnection) => void,
  ) {
    this.#cm = cm;
    this.#poller = poller;
    this.#event = event;
    this.#onConnected = onConnected;
    this.privateData = event.privateData.slice(0, MAX_PRIVATE_DATA_BYTES);
    cm.adopt(event.id, this.#steps.onEvent);
  }

  async accept(options: ConnectionOptions): Promise<VerbsConnection> {
    checkConnectionOptions(options);
    this.#answer();
    const { id, responderResources, initiatorDepth } = this.#event;
    const connection = await acceptVerbs(this.#cm, this.#poller, {
      id,
      steps: this.#steps,
      privateData: this.privateData,
      responderResources,
      initiatorDepth,
    }, options);
    this.#onConnected(connection);
    return connection;
  }

  reject(privateData: Uint8Array = new Uint8Array(0)): void {
    checkPrivateData(privateData);
    this.#answer();
    this.#cm.verbs.rdma.rdma_reject(this.#event.id, privateData.slice(), privateData.length);
    this.#cm.destroy(this.#event.id);
  }

  /** Rejects a request that was not answered. */
  drop(): void {
    if (!this.#answered) this.reject();
  }

  #answer(): void {
    if (this.#answered) throw answeredBefore();
    this.#answered = true;
  }
}
