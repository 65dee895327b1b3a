/** The nodes: who lends cores, and whether they still beat. */
import * as api from "../../runtime/http/manager_api.ts";
import type { Logger } from "../log.ts";
import { claim, endClaim } from "./claims.ts";
import { endAllocation, sweep } from "./ending.ts";
import { randomId } from "./ids.ts";
import type { GrantKeys } from "./key_ring.ts";
import type { LeaseQueue } from "./lease_queue.ts";
import type { NodeOrders } from "./node_orders.ts";
import { freeOn, isUp } from "./placement.ts";
import { heartbeatMs, unlistedGraceMs } from "./policy.ts";
import { notFound, quoted, Refusal } from "./refusal.ts";
import type { NodeRow, Store, Transaction } from "./store.ts";

/** What the books need from the resource manager that holds them. */
export interface BookContext {
  readonly store: Store;
  /** Milliseconds; never runs backwards. */
  readonly clock: () => number;
  readonly keys: GrantKeys;
  readonly log: Logger;
  /** Those who wait for room. Left out: nobody may. */
  readonly queue?: LeaseQueue;
  /** Tells nodes of news. Left out: they hear of it by their heartbeats alone. */
  readonly orders?: NodeOrders;
}

/** Registration, heartbeats and reports of nodes. */
export class NodeBook {
  readonly #context: BookContext;

  constructor(context: BookContext) {
    this.#context = context;
  }

  /**
   * Notes a start of a node's executor manager. A name that is known keeps its id and gets the next
   * epoch; its allocations end, since the executors of the old start are gone.
   */
  async register(told: api.NodeRegistration): Promise<api.NodeWelcome> {
    const { store, clock, keys, log } = this.#context;
    const nowMs = clock();
    const node = await store.transact((tx) => {
      sweep(tx, nowMs);
      const known = tx.nodeNamed(told.name);
      const row: NodeRow = {
        ...told,
        id: known?.id ?? randomId(),
        epoch: (known?.epoch ?? 0) + 1,
        lastSeenMs: nowMs,
        drainMs: null,
      };
      endAllOn(tx, row.id, "node-restarted", nowMs);
      tx.putNode(row);
      return row;
    });
    this.#context.queue?.wake();
    log.info("Node {name} registered, epoch {epoch}", { name: node.name, epoch: node.epoch });
    return { node: node.id, epoch: node.epoch, keys: [...keys.accepted], nowMs, heartbeatMs };
  }

  /**
   * Notes that a node lives. The leases it lists count as claims; those it had claimed and lists no
   * more have ended.
   *
   * @returns what the node should know, with the listed leases that it should end.
   * @throws {Refusal} 409 if the node or its epoch is not known any more.
   */
  async beat(id: string, told: api.Heartbeat): Promise<api.HeartbeatAnswer> {
    const { store, clock, keys } = this.#context;
    const nowMs = clock();
    const { end, drainMs, back } = await store.transact((tx) => {
      sweep(tx, nowMs);
      const node = currentNode(tx, id, told.epoch);
      const back = !isUp(node, nowMs);
      tx.sawNode(id, nowMs);
      const known = new Map(tx.liveAllocationsOn(id).map((each) => [each.lease, each]));
      const toEnd = told.leases
        .filter(({ lease, workers }) => {
          const { state, workers: claimed } = known.get(lease) ?? {};
          // Most beats tell what is known: that shall cost nothing.
          return (state !== "claimed" || claimed !== workers) &&
            !holds(tx, node, lease, workers, nowMs);
        })
        .map(({ lease }) => lease);
      for (const { lease } of told.leases) known.delete(lease);
      for (const allocation of known.values()) {
        if (allocation.state !== "claimed") continue;
        if (nowMs - (allocation.claimedMs ?? 0) <= unlistedGraceMs) continue;
        endAllocation(tx, allocation, "not-running", nowMs);
      }
      return { end: toEnd, drainMs: node.drainMs, back };
    });
    if (back) this.#context.queue?.wake();
    return { nowMs, keys: [...keys.accepted], end, drainMs };
  }

  /**
   * Waits until there is news for a node since it was last told so: it beats then.
   *
   * @param signal fires when the node has gone.
   * @throws {Refusal} 409 `register-again` as above; what {@linkcode NodeOrders.wait} throws.
   */
  async awaitOrders(
    id: string,
    { epoch, since }: api.OrdersRequest,
    signal: AbortSignal,
  ): Promise<api.OrdersAnswer> {
    const { store, orders } = this.#context;
    await store.transact((tx) => void currentNode(tx, id, epoch));
    return { revision: await orders?.wait(id, since, api.ordersWaitMs, signal) ?? 0 };
  }

  /** Notes a claim or an end of a lease. @throws {Refusal} 409 as above, and as claims.ts says. */
  async report(id: string, lease: string, told: api.LeaseReport): Promise<void> {
    const nowMs = this.#context.clock();
    await this.#context.store.transact((tx) => {
      sweep(tx, nowMs);
      const node = currentNode(tx, id, told.epoch);
      if (told.state === "claimed") claim(tx, node, lease, told.workers, nowMs);
      else endClaim(tx, node, lease, told.reason ?? "ended", nowMs);
    });
    // A claim frees the other candidates.
    this.#context.queue?.wake();
  }

  /** Takes a node back (`noticeMs`), or lends it again (null). May be repeated. @throws {Refusal} 404 */
  async drain(id: string, noticeMs: number | null): Promise<void> {
    await this.#context.store.transact((tx) => {
      const node = tx.node(id);
      if (node === undefined) throw notFound("node", id);
      if (node.drainMs !== noticeMs) tx.putNode({ ...node, drainMs: noticeMs });
    });
    this.#context.orders?.tell(id);
    if (noticeMs === null) this.#context.queue?.wake();
    const what = noticeMs === null ? "lends again" : `drains, notice ${noticeMs} ms`;
    this.#context.log.info("Node {node} {what}", { node: id, what });
  }

  /** Forgets a node and ends what it has of leases. May be repeated. */
  async remove(id: string): Promise<void> {
    const nowMs = this.#context.clock();
    await this.#context.store.transact((tx) => {
      endAllOn(tx, id, "node-removed", nowMs);
      tx.deleteNode(id);
    });
    this.#context.orders?.forget(id);
    this.#context.log.info("Node {node} removed", { node: id });
  }

  /** All nodes by name. */
  list(): Promise<api.NodeList> {
    const nowMs = this.#context.clock();
    return this.#context.store.transact((tx) => {
      sweep(tx, nowMs);
      const nodes = tx.nodes().map((node) => {
        const free = freeOn(tx, node);
        return {
          node: node.id,
          name: node.name,
          epoch: node.epoch,
          addresses: node.addresses,
          cores: node.cores,
          freeCores: free.workers,
          memoryBytes: node.memoryBytes,
          freeMemoryBytes: free.memoryBytes,
          state: stateOf(node, nowMs),
          lastSeenMs: node.lastSeenMs,
        };
      });
      return { nowMs, nodes };
    });
  }
}

function stateOf(node: NodeRow, nowMs: number): "up" | "draining" | "lost" {
  if (!isUp(node, nowMs)) return "lost";
  return node.drainMs === null ? "up" : "draining";
}

function currentNode(tx: Transaction, id: string, epoch: number): NodeRow {
  const node = tx.node(id);
  if (node !== undefined && node.epoch === epoch) return node;
  const state = node === undefined ? "it is not known" : `its epoch is ${node.epoch}, not ${epoch}`;
  throw new Refusal(409, "register-again", `Cannot hear node ${quoted(id)}: ${state}`);
}

function holds(tx: Transaction, node: NodeRow, lease: string, workers: number, nowMs: number) {
  try {
    claim(tx, node, lease, workers, nowMs);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

function endAllOn(tx: Transaction, node: string, reason: string, nowMs: number): void {
  for (const allocation of tx.liveAllocationsOn(node)) {
    endAllocation(tx, allocation, reason, nowMs);
  }
}
