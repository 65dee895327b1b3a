/** Connecting and accepting through rdma_cm, step by step, each with its time limit. */

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

/** The limits that a caller's options set. */
export function limitsOf({ timeoutMs = 5000, signal }: ConnectionOptions): StepLimits {
  return { untilMs: performance.now() + timeoutMs, timeoutMs, signal };
}

/** Connects to the struct sockaddr `peer`; `address` is its name for messages. */
export async function connectVerbs(
  cm: ConnectionManager,
  poller: Poller,
  peer: Uint8Array<ArrayBuffer>,
  address: string,
  options: ConnectionOptions,
  limits: StepLimits,
): Promise<VerbsConnection> {
  const { rdma, libc } = cm.verbs;
  const what = `connect to ${address}`;
  const steps = new CmSteps(what);
  const leftMs = () => Math.max(1, Math.ceil(limits.untilMs - performance.now()));
  const id = cm.create(steps.hear);
  let endpoint: Endpoint | undefined;
  let connection: VerbsConnection | undefined;
  cm.hold();
  try {
    const must = (result: number) => {
      if (result === 0) return;
      const cause = libc.fail(what);
      throw new FabricError(cause.message, "refused", { cause });
    };
    must(rdma.rdma_resolve_addr(id, null, peer, leftMs()));
    await steps.expect("ADDR_RESOLVED", limits);
    setAckTimeout(cm, id);
    must(rdma.rdma_resolve_route(id, leftMs()));
    await steps.expect("ROUTE_RESOLVED", limits);
    endpoint = new Endpoint(cm, id, options);
    connection = new VerbsConnection(endpoint, poller, options);
    const reads = endpoint.device.readsInFlight;
    must(
      withConnectionParameters(
        parametersOf(options, reads, reads),
        (parameters) => rdma.rdma_connect(id, parameters),
      ),
    );
    const { privateData } = await steps.expect("ESTABLISHED", limits);
    cm.adopt(id, connection.hear);
    connection.established(privateData.slice(0, MAX_PRIVATE_DATA_BYTES));
    return connection;
  } catch (error) {
    if (connection) connection.abandon();
    else {
      endpoint?.close();
      cm.destroy(id);
    }
    throw error;
  } finally {
    cm.unhold();
  }
}

/** Answers a request with yes. The id is used up, whatever becomes of it. */
export async function acceptVerbs(
  cm: ConnectionManager,
  poller: Poller,
  request: {
    readonly id: CmId;
    readonly steps: CmSteps;
    readonly privateData: Uint8Array;
    readonly responderResources: number;
    readonly initiatorDepth: number;
  },
  options: ConnectionOptions,
): Promise<VerbsConnection> {
  const { rdma, libc } = cm.verbs;
  const { id, steps } = request;
  const limits = limitsOf(options);
  let endpoint: Endpoint | undefined;
  let connection: VerbsConnection | undefined;
  cm.hold();
  try {
    setAckTimeout(cm, id);
    endpoint = new Endpoint(cm, id, options);
    connection = new VerbsConnection(endpoint, poller, options);
    // What the peer will do at most, and what it is ready for, as the event has them (man rdma_accept).
    const parameters = parametersOf(
      options,
      Math.min(endpoint.device.readsInFlight, request.responderResources),
      Math.min(endpoint.device.readsInFlight, request.initiatorDepth),
    );
    if (withConnectionParameters(parameters, (told) => rdma.rdma_accept(id, told)) !== 0) {
      const cause = libc.fail("accept the connection");
      throw new FabricError(`${cause.message}: the peer has given up`, "peer", { cause });
    }
    await steps.expect("ESTABLISHED", limits);
    cm.adopt(id, connection.hear);
    connection.established(request.privateData);
    return connection;
  } catch (error) {
    if (connection) connection.abandon();
    else {
      endpoint?.close();
      cm.destroy(id);
    }
    throw error;
  } finally {
    cm.unhold();
  }
}

/** What both sides tell rdma_cm alike; reads and atomics are counted apart by direction. */
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

/** A kernel that does not know this option keeps its own time, which is longer. */
function setAckTimeout(cm: ConnectionManager, id: CmId): void {
  cm.verbs.rdma.rdma_set_option(
    id,
    OPTION.ID,
    OPTION.ID_ACK_TIMEOUT,
    Uint8Array.of(ACK_TIMEOUT),
    1n,
  );
}
