/** struct rdma_conn_param, the parameters of rdma_connect and rdma_accept. */

import { CONN_PARAM } from "./layout.ts";

/** The members of the structure. */
export interface ConnectionParameters {
  readonly privateData: Uint8Array;
  /** Reads and atomics of the peer that this side serves at once. */
  readonly responderResources: number;
  /** Reads and atomics of this side that may be in flight at once. */
  readonly initiatorDepth: number;
  /** How often the device resends a packet that is not acknowledged; 3 bits. */
  readonly retryCount: number;
  /** How often it resends a message that met no receive; 3 bits, 7 means without a limit. */
  readonly rnrRetryCount: number;
}

/** Calls `use` with the structure, and returns its result. The private data stays in memory until `use` returns. */
export function withConnectionParameters<T>(
  parameters: ConnectionParameters,
  use: (structure: Uint8Array<ArrayBuffer>) => T,
): T {
  const data = parameters.privateData.slice();
  const structure = new Uint8Array(CONN_PARAM.bytes);
  const view = new DataView(structure.buffer);
  if (data.length > 0) {
    const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(data));
    view.setBigUint64(CONN_PARAM.private_data, BigInt(address), true);
  }
  view.setUint8(CONN_PARAM.private_data_len, data.length);
  view.setUint8(CONN_PARAM.responder_resources, parameters.responderResources);
  view.setUint8(CONN_PARAM.initiator_depth, parameters.initiatorDepth);
  view.setUint8(CONN_PARAM.flow_control, 1);
  view.setUint8(CONN_PARAM.retry_count, parameters.retryCount);
  view.setUint8(CONN_PARAM.rnr_retry_count, parameters.rnrRetryCount);
  const result = use(structure);
  data.fill(0); // used after the call, so that it is not freed before
  return result;
}
