/** Somebody who wants to connect through an RDMA device. */

import type { Poller } from "../../ffi/poller.ts";
import type { TakenCmEvent } from "../../ffi/verbs/events.ts";
import { FabricError } from "../errors.ts";
import {
  type ConnectionOptions,
  type ConnectionRequest,
  MAX_PRIVATE_DATA_BYTES,
} from "../fabric.ts";
import { checkConnectionOptions } from "../options.ts";
import { CmSteps } from "./cm_steps.ts";
import type { VerbsConnection } from "./connection.ts";
import type { ConnectionManager } from "./connection_manager.ts";
import { acceptVerbs } from "./handshake.ts";

export class VerbsRequest implements ConnectionRequest {
  readonly privateData: Uint8Array;
  readonly #cm: ConnectionManager;
  readonly #poller: Poller;
  readonly #event: TakenCmEvent;
  readonly #steps = new CmSteps("accept the connection");
  readonly #made: (connection: VerbsConnection) => void;
  #answered = false;

  constructor(
    cm: ConnectionManager,
    poller: Poller,
    event: TakenCmEvent,
    made: (connection: VerbsConnection) => void,
  ) {
    this.#cm = cm;
    this.#poller = poller;
    this.#event = event;
    this.#made = made;
    this.privateData = event.privateData.slice(0, MAX_PRIVATE_DATA_BYTES);
    cm.adopt(event.id, this.#steps.hear);
  }

  async accept(options: ConnectionOptions): Promise<VerbsConnection> {
    checkConnectionOptions(options);
    this.#answer("accept");
    const { id, responderResources, initiatorDepth } = this.#event;
    const connection = await acceptVerbs(this.#cm, this.#poller, {
      id,
      steps: this.#steps,
      privateData: this.privateData,
      responderResources,
      initiatorDepth,
    }, options);
    this.#made(connection);
    return connection;
  }

  reject(privateData: Uint8Array = new Uint8Array(0)): void {
    if (privateData.length > MAX_PRIVATE_DATA_BYTES) {
      throw new FabricError(
        `Cannot reject: ${privateData.length} bytes of private data, ${MAX_PRIVATE_DATA_BYTES} at most`,
        "range",
      );
    }
    this.#answer("reject");
    this.#cm.verbs.rdma.rdma_reject(this.#event.id, privateData.slice(), privateData.length);
    this.#cm.destroy(this.#event.id);
  }

  /** Refuses without a word, unless it was answered. */
  drop(): void {
    if (!this.#answered) this.reject();
  }

  #answer(how: string): void {
    if (this.#answered) {
      throw new FabricError(`Cannot ${how} the request: it was answered before`, "state");
    }
    this.#answered = true;
  }
}
