/** The refusal of a request that no node has the capacity for. A request that may wait then does. */
import type { WaitReason } from "../../../runtime/http/queue_api.ts";
import { RefusalError } from "../refusal.ts";
import type { Resources } from "../store/store.ts";
import type { Shortage } from "./candidates.ts";

/** 409 `no-nodes` if no node lends, `full` if none has the capacity. */
export class NoCapacityError extends RefusalError {
  override name = "NoCapacityError";
  /** The same for the list of waiting requests. */
  readonly reason: WaitReason;

  constructor(request: Resources, shortage: Shortage) {
    const { nodes, fitsEmpty } = shortage;
    const lending = nodes.reserved + nodes.avoided + nodes.lacksCores + nodes.lacksMemory;
    const message = lending === 0 ? noNodes(shortage) : tooFew(request, shortage);
    const code = lending === 0 ? "no-nodes" : "full";
    super(409, code, `Cannot grant lease: ${message}`);
    const isTooLarge = lending > 0 && !fitsEmpty;
    this.reason = { code: isTooLarge ? "too-large" : code, message, nodes };
  }
}

function noNodes({ nodes: { draining, lost } }: Shortage): string {
  const states = [
    ...counted(draining, "drains", "drain"),
    ...counted(lost, "is lost", "are lost"),
  ];
  return `no node is up${states.length === 0 ? "" : `: ${states.join(", ")}`}`;
}

function tooFew({ workers, memoryBytes }: Resources, { nodes, fitsEmpty }: Shortage): string {
  const { avoided, reserved, draining, lost } = nodes;
  const together = workers === 1 ? "" : ", nor have all nodes together";
  const without = fitsEmpty ? "" : ", even without other leases";
  const others = [
    ...counted(avoided, "that the client avoids"),
    ...counted(reserved, "reserved for a request before it"),
    ...counted(draining, "that drains", "that drain"),
    ...counted(lost, "that is lost", "that are lost"),
  ];
  const apart = others.length === 0 ? "" : `, apart from ${others.join(", ")}`;
  return `no node has ${workers} free cores and ${memoryBytes} free bytes${together}${without}${apart}`;
}

function counted(count: number, one: string, many = one): string[] {
  return count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
}
