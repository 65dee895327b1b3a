/** Connecting and accepting through rdma_cm, step by step, each with a time limit. */

import {
  type ConnectionParameters,
  withConnectionParameters,
} from "../../ffi/verbs/connection_parameters.ts";
import { OPTION } from "../../ffi/verbs/constants.ts";
import type { CmId } from "../../ffi/verbs/handles.ts";
import type { Poller } from "../../ffi/poller.ts";
import { FabricError } from "../errors.ts";
import { type ConnectionOptions, MAX_PRIVATE_DATA_BYTES } from "../fabric.ts";
import { CmSteps, type StepLimits } from "./cm_steps.ts";
import { VerbsConnection } from "./connection.ts";
import type { ConnectionManager } from "./connection_manager.ts";
import { Endpoint } from "./endpoint.ts";
import { receiverNotReady } from "./receiver_not_ready.ts";
import { ACK_TIMEOUT, RETRIES } from "./tuning.ts";

/** The limits that a caller's options set, from this moment on. */
export function limitsOf({ timeoutMs = 5000, signal }: ConnectionOptions): StepLimits {
  return { untilMs: performance.now() + timeoutMs, timeoutMs, signal };
}

/**
 * Connects.
 *
 * @param peer the struct sockaddr of the listener.
 * @param address its text, for messages.
 * @throws {FabricError} as {@linkcode Provider.connect}.
 * @throws the signal's reason when it is aborted.
 */
export async function connectVerbs(
  cm: ConnectionManager,
  poller: Poller,
  peer: Uint8Array<ArrayBuffer>,
  address: string,
  options: ConnectionOptions,
  limits: StepLimits,
): Promise<VerbsConnection> {
  const { rdma, libc } = cm.verbs;
  const operation = `connect to ${address}`;
  const steps = new CmSteps(operation);
  const leftMs = () => Math.max(1, Math.ceil(limits.untilMs - performance.now()));
  const must = (result: number) => {
    if (result === 0) return;
    const cause = libc.fail(operation);
    throw new FabricError(cause.message, "refused", { cause });
  };
  const id = cm.create(steps.onEvent);
  cm.hold();
  try {
    try {
      must(rdma.rdma_resolve_addr(id, null, peer, leftMs()));
      await steps.expect("ADDR_RESOLVED", limits);
      setAckTimeout(cm, id);
      must(rdma.rdma_resolve_route(id, leftMs()));
      await steps.expect("ROUTE_RESOLVED", limits);
    } catch (error) {
      cm.destroy(id);
      throw error;
    }
    return await establish({ cm, poller, id, steps, limits }, options, ({ device }) => {
      const parameters = parametersOf(options, device.readsInFlight, device.readsInFlight);
      must(withConnectionParameters(parameters, (struct) => rdma.rdma_connect(id, struct)));
    });
  } finally {
    cm.unhold();
  }
}

/** What an accept takes of a connection request. */
export interface AcceptedRequest {
  readonly id: CmId;
  readonly steps: CmSteps;
  readonly privateData: Uint8Array;
  readonly responderResources: number;
  readonly initiatorDepth: number;
}

/**
 * Accepts a request. Its id belongs to the connection, or is destroyed when this fails.
 *
 * @throws {FabricError} as {@linkcode ConnectionRequest.accept}.
 * @throws the signal's reason when it is aborted.
 */
export async function acceptVerbs(
  cm: ConnectionManager,
  poller: Poller,
  request: AcceptedRequest,
  options: ConnectionOptions,
): Promise<VerbsConnection> {
  const { rdma, libc } = cm.verbs;
  const { id, steps } = request;
  const side = { cm, poller, id, steps, limits: limitsOf(options) };
  const accept = ({ device }: Endpoint) => {
    // The limits of the peer, from the event, bound those of this side (man rdma_accept).
    const parameters = parametersOf(
      options,
      Math.min(device.readsInFlight, request.responderResources),
      Math.min(device.readsInFlight, request.initiatorDepth),
    );
    if (withConnectionParameters(parameters, (struct) => rdma.rdma_accept(id, struct)) === 0) {
      return;
    }
    const cause = libc.fail("accept the connection");
    throw new FabricError(`${cause.message}: the peer has given up`, "peer", { cause });
  };
  cm.hold();
  try {
    setAckTimeout(cm, id);
    return await establish(side, options, accept, request.privateData);
  } finally {
    cm.unhold();
  }
}

/** One end of a handshake. */
interface HandshakeSide {
  readonly cm: ConnectionManager;
  readonly poller: Poller;
  readonly id: CmId;
  readonly steps: CmSteps;
  readonly limits: StepLimits;
}

/**
 * Makes the endpoint and the connection of an id and completes the handshake. On failure everything is released, the id
 * included.
 *
 * @param start posts this end's part of the handshake.
 * @param privateData the peer's, where it has arrived already; otherwise it comes with the last event.
 */
async function establish(
  { cm, poller, id, steps, limits }: HandshakeSide,
  options: ConnectionOptions,
  start: (endpoint: Endpoint) => void,
  privateData?: Uint8Array,
): Promise<VerbsConnection> {
  let endpoint: Endpoint | undefined;
  let connection: VerbsConnection | undefined;
  try {
    endpoint = new Endpoint(cm, id, options);
    connection = new VerbsConnection(endpoint, poller, options);
    start(endpoint);
    const event = await steps.expect("ESTABLISHED", limits);
    cm.adopt(id, connection.onEvent);
    connection.established(privateData ?? event.privateData.slice(0, MAX_PRIVATE_DATA_BYTES));
    return connection;
  } catch (error) {
    if (connection) connection.abandon();
    else {
      endpoint?.close();
      cm.destroy(id);
    }
    throw error;
  }
}

/** The parameters that both sides send alike; reads and atomics are limited by direction. */
function parametersOf(
  { privateData = new Uint8Array(0), receiverNotReadyMs }: ConnectionOptions,
  responderResources: number,
  initiatorDepth: number,
): ConnectionParameters {
  return {
    privateData,
    responderResources,
    initiatorDepth,
    retryCount: RETRIES,
    rnrRetryCount: receiverNotReady(receiverNotReadyMs).retries,
  };
}

/** Sets the acknowledgement timeout. A kernel without this option keeps its own, longer one. */
function setAckTimeout(cm: ConnectionManager, id: CmId): void {
  cm.verbs.rdma.rdma_set_option(
    id,
    OPTION.ID,
    OPTION.ID_ACK_TIMEOUT,
    Uint8Array.of(ACK_TIMEOUT),
    1n,
  );
}
