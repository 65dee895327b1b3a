/** A node without executors, which sends heartbeats all the time. */

import type { NodeRegistration } from "../../../runtime/http/manager_api.ts";
import type { ManagerClient } from "../../../runtime/http/manager_client.ts";

/** Disposing ends the heartbeats. */
export interface BeatingNode extends Disposable {
  /** Claims a lease of one worker, so that it does not lapse. */
  claim(lease: string): Promise<void>;
}

/** Registers a node. */
export async function beatingNode(
  nodes: ManagerClient,
  registration: NodeRegistration,
): Promise<BeatingNode> {
  const { node, epoch } = await nodes.registerNode(registration);
  const leases: { lease: string; workers: number }[] = [];
  const beat = () => nodes.heartbeat(node, { epoch, leases }).catch(() => {});
  const beating = setInterval(beat, 500);
  return {
    async claim(lease) {
      leases.push({ lease, workers: 1 });
      await nodes.reportLease(node, lease, { epoch, state: "claimed", workers: 1 });
    },
    [Symbol.dispose]: () => clearInterval(beating),
  };
}
