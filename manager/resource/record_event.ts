/** How a store change records what it does, and its actor. */
import type { ClusterEvent, EventKind } from "../../runtime/http/event_api.ts";
import type { ExecutorEnd } from "../../runtime/http/manager_api.ts";
import type { LeaseRow, NodeRow, TokenRow, Transaction } from "./store/store.ts";

/** The actor of an event: a role, with the name of a token or of a node. */
export type Actor = Pick<ClusterEvent, "role" | "by">;

/** The resource manager, for what no request makes it do. */
export const BY_MANAGER: Actor = { role: "resource-manager" };

/** The holder of a token. All nodes may share one, so what a node does is {@linkcode byNode}. */
export function byToken({ role, name }: Pick<TokenRow, "role" | "name">): Actor {
  return { role, by: name };
}

export function byNode({ name }: Pick<NodeRow, "name">): Actor {
  return { role: "node", by: name };
}

/** The actor of what happens to a node: the node itself, or an operator. */
export function actorOn(node: NodeRow, caller: Pick<TokenRow, "role" | "name">): Actor {
  return caller.role === "node" ? byNode(node) : byToken(caller);
}

/** Why something ends, when, and by whom. */
export interface Ending {
  readonly reason: string;
  readonly nowMs: number;
  readonly actor: Actor;
}

/** What an event is about, and why it happened. */
type EventDetails = Omit<ClusterEvent, "seq" | "atMs" | "event" | "role" | "by">;

/** Records an event as a part of the change that makes it happen. */
export function recordEvent(
  tx: Transaction,
  event: EventKind,
  atMs: number,
  actor: Actor,
  details: EventDetails,
): void {
  tx.putEvent({ seq: tx.lastEvent() + 1, atMs, event, ...actor, ...details });
}

/** The details of a lease. */
export function ofLease({ id, root, client }: LeaseRow): EventDetails {
  return root === id ? { lease: id, client } : { lease: id, root, client };
}

/** The details of a node. */
export function ofNode({ id, name }: Pick<NodeRow, "id" | "name">): EventDetails {
  return { node: id, nodeName: name };
}

/** The details of the node with this id, which may be removed already. */
export function ofNodeId(tx: Transaction, id: string): EventDetails {
  const node = tx.node(id);
  return node === undefined ? { node: id } : ofNode(node);
}

/** A reason as the executor managers report it, `code: message`, or a code alone. */
export function ofReason(reason: string): EventDetails {
  const [, code, message] = /^([a-z][a-z-]{0,31}): (.*)$/s.exec(reason) ?? [];
  if (code !== undefined) return { code, message: message! };
  return /^[a-z][a-z-]{0,31}$/.test(reason) ? { code: reason } : { code: "other", message: reason };
}

/** Records that an executor ended while its lease goes on. Does nothing if a heartbeat has reported it before. */
export function recordExecutorEnd(
  tx: Transaction,
  node: NodeRow,
  { lease: leaseId, worker, generation, reason }: ExecutorEnd,
  nowMs: number,
): void {
  const lease = tx.lease(leaseId);
  if (lease === undefined || tx.allocation(leaseId, node.id) === undefined) return;
  // A node reports the ends of a worker's executors in their order.
  const { generation: known = 0 } = tx.lastExecutorEnd(leaseId, node.id, worker) ?? {};
  if (generation <= known) return;
  recordEvent(tx, "executor-ended", nowMs, byNode(node), {
    ...ofLease(lease),
    ...ofNode(node),
    worker,
    generation,
    ...ofReason(reason),
  });
}
