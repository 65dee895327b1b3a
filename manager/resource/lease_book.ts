/** The leases: asked for, renewed and given back by clients. */
import { claimWithinMs, signGrant } from "../../runtime/grant/grant.ts";
import type * as api from "../../runtime/http/manager_api.ts";
import { endAllocation, endLease, sweep } from "./ending.ts";
import { randomId } from "./ids.ts";
import { LeaseQueue } from "./lease_queue.ts";
import type { BookContext } from "./node_book.ts";
import { chooseCandidates, lends, type Placement } from "./placement.ts";
import { keepEndedMs } from "./policy.ts";
import { checkQuota, checkTerm, mayReplace } from "./quota.ts";
import { notFound, Refusal } from "./refusal.ts";
import type { AllocationRow, LeaseRow, NodeRow, Taken, TokenRow, Transaction } from "./store.ts";

/** A node of a lease together with what the lease has of it. */
interface Part {
  readonly node: NodeRow;
  readonly allocation: AllocationRow;
}

/** Who asks for a lease, while it waits. */
export interface Asker {
  /** Fires when it has gone. */
  readonly signal?: AbortSignal;
  /** Throws if its token is void. */
  readonly assertHeld?: () => void;
}

/** Leases as clients and operators see them. */
export class LeaseBook {
  readonly #context: BookContext;
  readonly #placement: Placement;
  readonly #queue: LeaseQueue;

  /** @param placement which of the nodes that have room are offered first. */
  constructor(context: BookContext, placement: Placement = "spread") {
    this.#context = context;
    this.#placement = placement;
    this.#queue = context.queue ?? new LeaseQueue(context.clock, 0);
  }

  /**
   * Takes cores of up to three candidate nodes, each of which could serve the whole lease; if there is none, of nodes
   * that can serve it together, with some to spare. If there is no room, waits for it as long as the request says.
   *
   * @throws {Refusal} 404 if `instead` is not one of the caller's; 409 `no-nodes` if no node is up, `full` if there is no room, `quota` if the client may not have it;
   * what `assertHeld` throws; 503 `closing` if the resource manager closes meanwhile.
   */
  async take(
    caller: TokenRow,
    asked: api.LeaseRequest,
    { signal, assertHeld }: Asker = {},
  ): Promise<api.LeaseTaken> {
    checkTerm(caller, asked);
    const { waitMs = 0 } = asked;
    if (waitMs === 0) return await this.#queue.tryOnce((owed) => this.#take(caller, asked, owed));
    return await this.#queue.wait({
      asked,
      client: caller.name,
      waitMs,
      signal,
      attempt: async (owed) => {
        assertHeld?.();
        return await this.#take(caller, asked, owed);
      },
      giveBack: ({ lease }) => this.end(caller, lease),
    });
  }

  async #take(
    caller: TokenRow,
    asked: api.LeaseRequest,
    owed: () => readonly Taken[],
  ): Promise<api.LeaseTaken> {
    const nowMs = this.#context.clock();
    const id = randomId();
    const fresh: LeaseRow = {
      id,
      client: caller.name,
      workers: asked.workers,
      memoryBytes: asked.memoryBytes,
      root: id,
      rootWorkers: asked.workers,
      rootMemoryBytes: asked.memoryBytes,
      issuedMs: nowMs,
      expiresMs: nowMs + asked.seconds * 1000,
      endedMs: null,
      endReason: null,
    };
    const { lease, parts } = await this.#context.store.transact((tx) => {
      sweep(tx, nowMs);
      const known = asked.instead === undefined ? undefined : ownLease(tx, caller, asked.instead);
      const lease = known !== undefined && mayReplace(tx, known, asked)
        ? { ...fresh, ...rootOf(known) }
        : fresh;
      if (lease === fresh) checkQuota(tx, caller, asked);
      const offers = chooseCandidates(tx, asked, nowMs, this.#placement, owed());
      if (offers.length === 0) throw refuseLease(tx, asked, nowMs);
      tx.putLease(lease);
      const parts = offers.map(({ node, workers, memoryBytes }): Part => {
        const allocation: AllocationRow = {
          lease: lease.id,
          node: node.id,
          workers,
          memoryBytes,
          state: "candidate",
          claimByMs: nowMs + claimWithinMs,
          claimedMs: null,
          endReason: null,
        };
        tx.putAllocation(allocation);
        return { node, allocation };
      });
      return { lease, parts };
    });
    const grants = this.#sign(lease, parts, nowMs);
    return { lease: lease.id, nowMs, expiresMs: lease.expiresMs, grants };
  }

  /**
   * Moves the end of a lease to `seconds` from now, never nearer than it is, and signs grants that
   * say so for the nodes that serve it, and for those of which it may not have been heard yet.
   *
   * @throws {Refusal} 404 if it is not one of the caller's, 410 if it has ended, 409 `quota` if the term is too long.
   */
  async renew(caller: TokenRow, id: string, asked: api.LeaseRenewal): Promise<api.LeaseRenewed> {
    checkTerm(caller, asked);
    const nowMs = this.#context.clock();
    const { lease, parts } = await this.#context.store.transact((tx) => {
      sweep(tx, nowMs);
      const known = ownLease(tx, caller, id);
      if (known.endedMs !== null) {
        throw new Refusal(410, "over", `Cannot renew lease: it is over: ${known.endReason}`);
      }
      const expiresMs = Math.max(known.expiresMs, nowMs + asked.seconds * 1000);
      const renewed = { ...known, expiresMs };
      tx.putLease(renewed);
      const live = tx.allocationsOf(id).filter((a) => a.state !== "ended");
      const parts = live.flatMap((allocation): Part[] => {
        const node = tx.node(allocation.node);
        return node === undefined ? [] : [{ node, allocation }];
      });
      return { lease: renewed, parts };
    });
    const grants = this.#sign(lease, parts, nowMs);
    return { nowMs, expiresMs: lease.expiresMs, grants };
  }

  /** Ends a lease early. May be repeated. @throws {Refusal} 404 if it is not one of the caller's. */
  async end(caller: TokenRow, id: string): Promise<void> {
    const nowMs = this.#context.clock();
    const serving = await this.#context.store.transact((tx) => {
      sweep(tx, nowMs);
      return endLease(tx, ownLease(tx, caller, id), "given-back", nowMs);
    });
    for (const node of serving) this.#context.orders?.tell(node);
    this.#queue.wake();
  }

  /**
   * Ends what a lease has of one node; the rest goes on. May be repeated.
   *
   * @throws {Refusal} 404 if it is not one of the caller's, or never was offered that node.
   */
  async endOn(caller: TokenRow, id: string, node: string): Promise<void> {
    const nowMs = this.#context.clock();
    const serves = await this.#context.store.transact((tx) => {
      sweep(tx, nowMs);
      const lease = ownLease(tx, caller, id);
      const allocation = tx.allocation(lease.id, node);
      if (allocation === undefined) throw notFound("node", node);
      endAllocation(tx, allocation, "given-back", nowMs);
      return allocation.state === "claimed";
    });
    if (serves) this.#context.orders?.tell(node);
    this.#queue.wake();
  }

  /** The running leases, oldest first: all for an operator, else the caller's own. */
  list(caller: TokenRow): Promise<api.LeaseList> {
    const nowMs = this.#context.clock();
    return this.#context.store.transact((tx) => {
      sweep(tx, nowMs);
      const leases = tx.runningLeases()
        .filter((lease) => owns(caller, lease))
        .map((lease) => ({
          lease: lease.id,
          client: lease.client,
          workers: lease.workers,
          memoryBytes: lease.memoryBytes,
          issuedMs: lease.issuedMs,
          expiresMs: lease.expiresMs,
          nodes: tx.allocationsOf(lease.id).flatMap(({ node, workers, state }) =>
            state === "ended" ? [] : [{ node, name: tx.node(node)?.name ?? "", workers, state }]
          ),
        }));
      return { nowMs, leases };
    });
  }

  /** Frees what ran out, and forgets what ended long ago. */
  async sweep(): Promise<void> {
    const nowMs = this.#context.clock();
    await this.#context.store.transact((tx) => {
      sweep(tx, nowMs);
      tx.forgetLeases(nowMs - keepEndedMs);
    });
    // For all that frees room and tells nobody, such as candidates that lapsed.
    this.#queue.wake();
  }

  /** @param nowMs read before the lease was written, so that an old key is kept for as long as it is needed. */
  #sign(lease: LeaseRow, parts: readonly Part[], nowMs: number): api.NodeGrant[] {
    const key = this.#context.keys.signing(nowMs);
    return parts.map(({ node, allocation }) => ({
      node: node.id,
      name: node.name,
      addresses: node.addresses,
      bootId: node.bootId,
      workers: allocation.workers,
      grant: signGrant({
        lease: lease.id,
        client: lease.client,
        node: node.id,
        epoch: node.epoch,
        workers: allocation.workers,
        memoryBytes: allocation.memoryBytes,
        issuedMs: nowMs,
        claimByMs: nowMs + claimWithinMs,
        expiresMs: lease.expiresMs,
      }, key),
    }));
  }
}

function rootOf({ root, rootWorkers, rootMemoryBytes }: LeaseRow) {
  return { root, rootWorkers, rootMemoryBytes };
}

function owns(caller: TokenRow, lease: LeaseRow): boolean {
  return caller.role === "operator" || lease.client === caller.name;
}

function ownLease(tx: Transaction, caller: TokenRow, id: string): LeaseRow {
  const lease = tx.lease(id);
  // One answer for both: who guesses ids learns nothing.
  if (lease === undefined || !owns(caller, lease)) throw notFound("lease", id);
  return lease;
}

function refuseLease(tx: Transaction, asked: api.LeaseRequest, nowMs: number): Refusal {
  if (!tx.nodes().some((node) => lends(node, nowMs))) {
    return new Refusal(409, "no-nodes", "Cannot give lease: no node is up");
  }
  const need = `${asked.workers} free cores and ${asked.memoryBytes} free bytes`;
  const together = asked.workers === 1 ? "" : ", nor have all nodes together";
  return new Refusal(409, "full", `Cannot give lease: no node has ${need}${together}`);
}
