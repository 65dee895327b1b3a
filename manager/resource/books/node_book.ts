/** The nodes: their registrations, heartbeats and reports. */
import * as api from "../../../runtime/http/manager_api.ts";
import { MAX_PAGE_ENTRIES } from "../../../runtime/http/page_api.ts";
import { timeOrderedName } from "../../../runtime/grant/time_ordered_name.ts";
import { claim, endClaim } from "../leases/claims.ts";
import { byLease, endAllocation, endAllOn, sweep } from "../leases/end_lease.ts";
import { coresByName, drainedBy, lentBy } from "../leases/lent_limits.ts";
import { freeOf, isUp, stateOf } from "../leases/node_capacity.ts";
import { HEARTBEAT_MS, UNLISTED_GRACE_MS } from "../policy.ts";
import {
  actorOn,
  BY_MANAGER,
  byNode,
  ofNode,
  recordEvent,
  recordExecutorEnd,
} from "../record_event.ts";
import { quoted, RefusalError } from "../refusal.ts";
import { withLimits } from "../store/node_limits.ts";
import type { NodeLoad, NodeRow, TokenRow, Transaction } from "../store/store.ts";
import type { BookContext } from "./book_context.ts";
import { LentBook } from "./lent_book.ts";
import { type CheckedPage, pageOf } from "./page_query.ts";
import { Reclaims } from "./reclaims.ts";
import { Settling } from "./settling.ts";
import { ShownReports } from "./shown_reports.ts";

const NO_SANDBOX = "none";

/** The nodes as they report themselves, and as operators see them. */
export class NodeBook {
  readonly #context: BookContext;
  /** What heartbeats report for the dashboard. */
  readonly shown = new ShownReports();
  readonly #settling: Settling;
  /** What they have to lend. */
  readonly lent: LentBook;
  /** Requests that wait until nodes are free. */
  readonly reclaims: Reclaims;

  /** @param maxReclaims how many requests may wait for nodes to be free, at a time. */
  constructor(context: BookContext, maxReclaims?: number) {
    this.#context = context;
    this.#settling = new Settling(context.clock(), maxReclaims);
    this.lent = new LentBook(context, this.#settling);
    this.reclaims = new Reclaims(context, this.lent, this.#settling);
  }

  /**
   * Records a start of a node's executor manager. A known name keeps its id and gets the next epoch. Its allocations end,
   * since the executors of the earlier start are gone. What an operator has limited ends too; what a program has limited
   * stays, since the start is none of its own.
   */
  async register(
    { drainedBy, ...registration }: api.NodeRegistration,
  ): Promise<api.NodeRegistrationResponse> {
    const { store, clock, keys, log, queue } = this.#context;
    const nowMs = clock();
    const newId = timeOrderedName(nowMs);
    const node = await store.transact((tx) => {
      sweep(tx, nowMs);
      const known = tx.nodeNamed(registration.name);
      const { [api.OPERATOR]: _, ...limits } = known?.limits ?? {};
      const row = withLimits({
        sandbox: NO_SANDBOX,
        ...registration,
        maxCores: registration.cores,
        id: known?.id ?? newId,
        epoch: (known?.epoch ?? 0) + 1,
        lastSeenMs: nowMs,
        drainMs: null,
        lostMs: null,
        limits: {},
      }, drainedBy === undefined ? limits : { ...limits, [drainedBy]: { cores: 0, graceMs: 0 } });
      const event = known === undefined ? "node-registered" : "node-restarted";
      const message = `start ${row.epoch}, ${row.cores} cores, sandbox ${row.sandbox}`;
      recordEvent(tx, event, nowMs, byNode(row), { ...ofNode(row), message });
      endAllOn(tx, row.id, { reason: "node-restarted", nowMs, actor: byNode(row) });
      tx.putNode(row);
      return row;
    });
    this.#settling.restarted(node.id);
    queue.wake();
    log.info("Node {name} registered, epoch {epoch}", {
      name: node.name,
      node: node.id,
      epoch: node.epoch,
    });
    return {
      node: node.id,
      epoch: node.epoch,
      keys: [...keys.accepted],
      nowMs,
      heartbeatMs: HEARTBEAT_MS,
    };
  }

  /**
   * Records that a node is alive. Each listed lease counts as claimed. A claimed lease that is not listed has ended.
   *
   * @returns the state that the node needs, with the listed leases that it must end.
   * @throws {RefusalError} 409 `register-again` if the node is unknown or the epoch is not its newest.
   */
  async heartbeat(
    id: string,
    heartbeat: api.Heartbeat,
  ): Promise<api.HeartbeatResponse> {
    const { epoch, writtenMs = Infinity, leases, executors, executorEnds = [], lentRevision } =
      heartbeat;
    const { starts: reported = [] } = heartbeat;
    const { store, clock, keys, queue, starts } = this.#context;
    const nowMs = clock();
    const aliveSinceMs = this.#context.aliveSinceMs();
    const listedMs = Math.min(writtenMs, nowMs);
    const revision = this.#settling.revision(id); // before the row is read: a change between the two is sent once more
    const { end, lent, isBack, started } = await store.transact((tx) => {
      sweep(tx, nowMs);
      const node = currentNode(tx, id, epoch);
      const isBack = !isUp(node, aliveSinceMs);
      if (node.lostMs === null) tx.markSeen(id, nowMs);
      else {
        tx.putNode({ ...node, lastSeenMs: nowMs, lostMs: null });
        const message = `lost for ${nowMs - node.lostMs} ms`;
        recordEvent(tx, "node-back", nowMs, byNode(node), { ...ofNode(node), message });
      }
      for (const end of executorEnds) recordExecutorEnd(tx, node, end, nowMs);
      const live = new Map(tx.liveAllocationsOn(id).map((each) => [each.lease, each]));
      const end = leases
        .filter(({ lease, workers }) => {
          const { state, workers: claimed } = live.get(lease) ?? {};
          // Most heartbeats list only what the store has, which must cost nothing.
          return (state !== "claimed" || claimed !== workers) &&
            !claimHolds(tx, node, lease, workers, nowMs);
        })
        .map(({ lease }) => lease);
      for (const { lease } of leases) live.delete(lease);
      for (const allocation of [...live.values()].sort(byLease)) {
        if (allocation.state !== "claimed") continue;
        if (listedMs - (allocation.claimedMs ?? 0) <= UNLISTED_GRACE_MS) continue;
        const actor = byNode(node);
        endAllocation(tx, allocation, { reason: "not-running", nowMs, actor });
      }
      const started = starts.read(tx, id, reported);
      return { end, lent: { ...lentBy(node), revision }, isBack, started };
    });
    this.#settling.record(id, {
      revision: lentRevision,
      workers: leases.reduce((sum, { workers }) => sum + workers, 0),
      executors: executors?.running ?? 0,
    });
    this.shown.record(id, heartbeat);
    starts.record(id, reported, started, nowMs);
    if (isBack) queue.wake();
    const leave = this.#context.preemptions?.leavingFrom(id) ?? [];
    return { nowMs, keys: [...keys.accepted], end, lent, ...leave.length === 0 ? {} : { leave } };
  }

  /**
   * Waits until a node has a newer revision of its notifications.
   *
   * @param signal fires when the node has gone.
   * @throws {RefusalError} 409 `register-again` as {@linkcode NodeBook.heartbeat}, and as
   * {@linkcode NodeNotifications.wait}.
   */
  async awaitNotifications(
    id: string,
    { epoch, since }: api.NotificationsRequest,
    signal: AbortSignal,
  ): Promise<api.NotificationsResponse> {
    const { store, notifications } = this.#context;
    await store.transact((tx) => void currentNode(tx, id, epoch));
    return { revision: await notifications.wait(id, since, api.NOTIFICATIONS_WAIT_MS, signal) };
  }

  /**
   * Records a claim or an end of a lease.
   *
   * @throws {RefusalError} 409 `register-again` as {@linkcode NodeBook.heartbeat}, and as claims.ts.
   */
  async report(id: string, lease: string, report: api.LeaseReport): Promise<void> {
    const nowMs = this.#context.clock();
    await this.#context.store.transact((tx) => {
      sweep(tx, nowMs);
      const node = currentNode(tx, id, report.epoch);
      if (report.state === "claimed") claim(tx, node, lease, report.workers, nowMs);
      else endClaim(tx, node, lease, report.reason ?? "ended", nowMs);
    });
    // A claim may have released other candidates.
    this.#context.queue.wake();
  }

  /** Removes a node and ends its allocations. May be repeated. */
  async remove(caller: TokenRow, id: string): Promise<void> {
    const { store, clock, notifications, log } = this.#context;
    const nowMs = clock();
    await store.transact((tx) => {
      const node = tx.node(id);
      if (node === undefined) return;
      const actor = actorOn(node, caller);
      recordEvent(tx, "node-removed", nowMs, actor, ofNode(node));
      endAllOn(tx, id, { reason: "node-removed", nowMs, actor });
      tx.deleteNode(id);
    });
    notifications.forget(id);
    this.shown.forget(id);
    this.#settling.forget(id);
    log.info("Node {node} removed", { node: id });
  }

  /** Records which nodes are lost: no request shows it. To be called regularly. */
  async sweep(): Promise<void> {
    const { store, clock, log } = this.#context;
    const nowMs = clock();
    const aliveSinceMs = this.#context.aliveSinceMs();
    const lost = await store.transact((tx) => {
      const lost = tx.nodes().filter((node) => node.lostMs === null && !isUp(node, aliveSinceMs));
      for (const node of lost) {
        tx.putNode({ ...node, lostMs: nowMs });
        const message = `no heartbeat for ${nowMs - node.lastSeenMs} ms`;
        recordEvent(tx, "node-lost", nowMs, BY_MANAGER, { ...ofNode(node), message });
      }
      return lost;
    });
    for (const { name, id } of lost) log.warn("Node {name} is lost", { name, node: id });
  }

  /** Ends all waits for nodes to be free. */
  stopWaiting(): void {
    this.#settling.close();
  }

  /** A page of the nodes, by name, or the one of a name. */
  list(
    { after, limit = MAX_PAGE_ENTRIES, name }: CheckedPage<string> & { name?: string } = {},
  ): Promise<api.NodeList> {
    const nowMs = this.#context.clock();
    const aliveSinceMs = this.#context.aliveSinceMs();
    return this.#context.store.transact((tx) => {
      sweep(tx, nowMs);
      const rows = name === undefined ? tx.nodeLoads() : loadNamed(tx, name);
      const from = after === undefined ? 0 : rows.findIndex(({ node }) => node.name > after);
      const rest = from < 0 ? [] : rows.slice(from, from + limit + 1);
      const { page, ...next } = pageOf(rest, limit, ({ node }) => node.name);
      const nodes = page.map(({ node, allocated }) => {
        const free = freeOf({ node, allocated });
        return {
          node: node.id,
          name: node.name,
          epoch: node.epoch,
          addresses: node.addresses,
          sandbox: node.sandbox,
          cores: node.cores,
          maxCores: node.maxCores,
          freeCores: free.workers,
          memoryBytes: node.memoryBytes,
          freeMemoryBytes: free.memoryBytes,
          state: stateOf(node, aliveSinceMs),
          drainedBy: drainedBy(node),
          limits: coresByName(node),
          isSettled: this.#settling.isSettled(node),
          revision: this.#settling.revision(node.id),
          lastSeenMs: node.lastSeenMs,
        };
      });
      return { nowMs, nodes, ...next };
    });
  }
}

function currentNode(tx: Transaction, id: string, epoch: number): NodeRow {
  const node = tx.node(id);
  if (node !== undefined && node.epoch === epoch) return node;
  const state = node === undefined ? "it is unknown" : `its epoch is ${node.epoch}, not ${epoch}`;
  throw new RefusalError(
    409,
    "register-again",
    `Cannot accept request of node ${quoted(id)}: ${state}`,
  );
}

function loadNamed(tx: Transaction, name: string): NodeLoad[] {
  const node = tx.nodeNamed(name);
  return node === undefined ? [] : [{ node, allocated: tx.allocatedOn(node.id) }];
}

function claimHolds(tx: Transaction, node: NodeRow, lease: string, workers: number, nowMs: number) {
  try {
    claim(tx, node, lease, workers, nowMs);
    return true;
  } catch (error) {
    if (error instanceof RefusalError) return false;
    throw error;
  }
}
