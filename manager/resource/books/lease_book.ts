/** The leases: clients take, renew and release them. */
import { CLAIM_WITHIN_MS } from "../../../runtime/grant/claim_time.ts";
import { signGrants } from "../../../runtime/grant/grant.ts";
import { timeOrderedName } from "../../../runtime/grant/time_ordered_name.ts";
import type * as api from "../../../runtime/http/manager_api.ts";
import { MAX_PAGE_ENTRIES } from "../../../runtime/http/page_api.ts";
import type { QueueList } from "../../../runtime/http/queue_api.ts";
import { inThisContext, withSpan } from "../../../runtime/tracing/tracing.ts";
import { endAllocation, endLease, sweep } from "../leases/end_lease.ts";
import { idsOfRequest } from "../ids.ts";
import type { BookContext } from "./book_context.ts";
import { type CheckedPage, pageOf } from "./page_query.ts";
import { chooseCandidates, shortageOf, type Starving } from "../leases/candidates.ts";
import { payerOf } from "../leases/decayed_usage.ts";
import { NoCapacityError } from "../leases/no_capacity.ts";
import { drawFor, type Placement } from "../leases/placement.ts";
import { KEEP_ENDED_MS } from "../policy.ts";
import { checkQuota, checkTerm, mayReplace } from "../leases/quota.ts";
import { listWaiting } from "../leases/waiting_list.ts";
import { byToken, ofLease, recordEvent } from "../record_event.ts";
import { notFound, RefusalError } from "../refusal.ts";
import type {
  AllocationRow,
  LeasePlace,
  LeaseRow,
  NodeRow,
  TokenRow,
  Transaction,
} from "../store/store.ts";

const NONE: ReadonlySet<string> = new Set();

/** An allocation with its node. */
interface NodeAllocation {
  readonly node: NodeRow;
  readonly allocation: AllocationRow;
}

/** A client that waits for a lease. */
export interface Requester {
  /** Fires when the client has gone. */
  readonly signal?: AbortSignal;
  /** Throws if the client's token was revoked. */
  readonly assertActive?: () => void;
}

/** The leases as clients and operators see them. */
export class LeaseBook {
  readonly #context: BookContext;
  readonly #placement: Placement;

  /** @param placement the policy that chooses among the nodes that fit. */
  constructor(context: BookContext, placement: Placement = "spread") {
    this.#context = context;
    this.#placement = placement;
  }

  /**
   * Grants a lease: offers up to three candidate nodes that can each serve it whole or, if there is none, nodes that can
   * serve it together. Reserves its cores on the first of them. If there is no capacity, waits for `waitMs` of the
   * request. One that is repeated by its name gets the same lease.
   *
   * @throws {RefusalError} 404 if `replaces` is not a lease of the caller; 410 if the lease of a repeated request has
   * ended; 409 `no-nodes` if no node is up, `full` if
   * there is no capacity, `quota` if the lease exceeds the quota; 503 `closing` if the resource manager closes.
   * @throws the error of `assertActive`.
   */
  async take(
    caller: TokenRow,
    request: api.LeaseRequest,
    requester: Requester = {},
  ): Promise<api.LeaseResponse> {
    const { starts, refused } = this.#context;
    try {
      checkTerm(caller, request);
      const sinceMs = performance.now();
      const granted = await this.#inTurn(caller, request, requester);
      starts.granted(granted.lease, Math.round(performance.now() - sinceMs));
      return granted;
    } catch (error) {
      if (error instanceof RefusalError) refused.add(caller, request, error);
      throw error;
    }
  }

  async #inTurn(
    caller: TokenRow,
    request: api.LeaseRequest,
    { signal, assertActive }: Requester,
  ): Promise<api.LeaseResponse> {
    const { waitMs = 0 } = request;
    const { queue, classes } = this.#context;
    const inClass = classes.of(caller);
    if (waitMs === 0) {
      return await queue.tryOnce((starving) => this.#take(caller, request, starving), inClass);
    }
    const attributes = { "rfaas.workers": request.workers, "rfaas.wait_ms": waitMs };
    using preemptor = this.#preemptor(caller, request, waitMs);
    return await withSpan("rfaas.manager.wait", { attributes }, () =>
      queue.wait({
        request,
        client: caller.name,
        account: caller.account,
        class: inClass,
        waitMs,
        signal,
        preemptor,
        // The queue is served while another request frees capacity.
        attempt: inThisContext(async (starving) => {
          assertActive?.();
          return await this.#take(caller, request, starving);
        }),
        release: ({ lease }) => this.release(caller, lease),
      }));
  }

  /** What makes capacity for a request that waits, if its class preempts others. */
  #preemptor(caller: TokenRow, request: api.LeaseRequest, waitMs: number) {
    const { preemptions, classes, clock } = this.#context;
    if (preemptions === undefined || !classes.of(caller).preempts) return undefined;
    const { workers, memoryBytes } = request;
    const avoid = new Set(request.avoid);
    const untilMs = clock() + waitMs;
    return preemptions.begin({ caller, request: { workers, memoryBytes }, avoid, untilMs });
  }

  async #take(
    caller: TokenRow,
    request: api.LeaseRequest,
    starving: readonly Starving[],
  ): Promise<api.LeaseResponse> {
    const nowMs = this.#context.clock();
    const ids = request.request === undefined
      ? [timeOrderedName(nowMs)] as const
      : idsOfRequest(caller.name, request.request, nowMs);
    const id = ids[0];
    const draws = drawFor(this.#placement);
    const avoid = new Set(request.avoid);
    const aliveSinceMs = this.#context.aliveSinceMs();
    const { preemptions } = this.#context;
    const isLeaving = (lease: string, node: string) => preemptions?.isLeaving(lease, node) ?? false;
    const fresh: LeaseRow = {
      id,
      client: caller.name,
      account: caller.account ?? null,
      workers: request.workers,
      memoryBytes: request.memoryBytes,
      root: id,
      rootWorkers: request.workers,
      rootMemoryBytes: request.memoryBytes,
      issuedMs: nowMs,
      expiresMs: nowMs + request.termMs,
      endedMs: null,
      endReason: null,
    };
    const { lease, allocations } = await this.#context.store.transact((tx) => {
      sweep(tx, nowMs);
      const repeated = request.request === undefined ? undefined : firstLease(tx, ids);
      if (repeated !== undefined) {
        return { lease: repeated, allocations: allocationsOf(tx, repeated) };
      }
      const known = request.replaces === undefined
        ? undefined
        : ownLease(tx, caller, request.replaces);
      const lease = known !== undefined && mayReplace(tx, known, request, isLeaving)
        ? { ...fresh, ...rootOf(known) }
        : fresh;
      if (lease === fresh) checkQuota(tx, caller, request);
      const options = {
        aliveSinceMs,
        placement: this.#placement,
        draws,
        starving,
        awaited: preemptions?.nodes ?? NONE,
        avoid,
        reserves: tx.unreservedUntil(caller.name) <= nowMs,
      };
      const offers = chooseCandidates(tx, request, options);
      if (offers.length === 0) {
        throw new NoCapacityError(request, shortageOf(tx, request, options));
      }
      tx.putLease(lease);
      const { workers } = lease;
      recordEvent(tx, "lease-granted", nowMs, byToken(caller), { ...ofLease(lease), workers });
      const allocations = offers.map((offer): NodeAllocation => {
        const { node, workers, memoryBytes, reservedWorkers } = offer;
        const allocation: AllocationRow = {
          lease: lease.id,
          node: node.id,
          workers,
          memoryBytes,
          reservedWorkers,
          state: "candidate",
          claimByMs: nowMs + CLAIM_WITHIN_MS,
          claimedMs: null,
          endReason: null,
        };
        tx.putAllocation(allocation);
        return { node, allocation };
      });
      return { lease, allocations };
    });
    // Not one that was granted before, or replaces another.
    if (lease === fresh) {
      this.#context.usage?.granted(payerOf({ ...caller, client: caller.name }), lease.workers);
    }
    const grants = this.#sign(lease, allocations, nowMs);
    return { lease: lease.id, nowMs, expiresMs: lease.expiresMs, grants };
  }

  /**
   * Extends a lease to `termMs` from now, and never shortens it. Signs new grants for its nodes, and for its candidates,
   * whose claims may not have been reported yet.
   *
   * @throws {RefusalError} 404 if it is not a lease of the caller, 410 if it has ended, 409 `quota` if the term is too
   * long.
   */
  async renew(
    caller: TokenRow,
    id: string,
    renewal: api.LeaseRenewal,
  ): Promise<api.LeaseRenewalResponse> {
    checkTerm(caller, renewal);
    const nowMs = this.#context.clock();
    const { lease, allocations } = await this.#context.store.transact((tx) => {
      sweep(tx, nowMs);
      const known = ownLease(tx, caller, id);
      if (known.endedMs !== null) {
        throw new RefusalError(410, "over", `Cannot renew lease: it has ended: ${known.endReason}`);
      }
      const expiresMs = Math.max(known.expiresMs, nowMs + renewal.termMs);
      const renewed = { ...known, expiresMs };
      tx.putLease(renewed);
      return { lease: renewed, allocations: allocationsOf(tx, known) };
    });
    const grants = this.#sign(lease, allocations, nowMs);
    return { nowMs, expiresMs: lease.expiresMs, grants };
  }

  /** Releases a lease. May be repeated. @throws {RefusalError} 404 if it is not a lease of the caller. */
  async release(caller: TokenRow, id: string): Promise<void> {
    const nowMs = this.#context.clock();
    const serving = await this.#context.store.transact((tx) => {
      sweep(tx, nowMs);
      const ending = { reason: "released", nowMs, actor: byToken(caller) };
      return endLease(tx, ownLease(tx, caller, id), ending);
    });
    for (const node of serving) this.#context.notifications.notify(node);
    this.#context.queue.wake();
  }

  /**
   * Releases the part of a lease on one node. The other parts go on. May be repeated.
   *
   * @throws {RefusalError} 404 if it is not a lease of the caller, or was never offered that node.
   */
  async releasePart(caller: TokenRow, id: string, node: string): Promise<void> {
    const nowMs = this.#context.clock();
    const serves = await this.#context.store.transact((tx) => {
      sweep(tx, nowMs);
      const lease = ownLease(tx, caller, id);
      const allocation = tx.allocation(lease.id, node);
      if (allocation === undefined) throw notFound("node", node);
      endAllocation(tx, allocation, { reason: "released", nowMs, actor: byToken(caller) });
      return allocation.state === "claimed";
    });
    if (serves) this.#context.notifications.notify(node);
    this.#context.queue.wake();
  }

  /** A page of the running leases, oldest first: all leases for an operator, its own for a client. */
  list(
    caller: TokenRow,
    { after, limit = MAX_PAGE_ENTRIES }: CheckedPage<LeasePlace> = {},
  ): Promise<api.LeaseList> {
    const nowMs = this.#context.clock();
    const client = caller.role === "operator" ? undefined : caller.name;
    return this.#context.store.transact((tx) => {
      sweep(tx, nowMs);
      const rows = tx.pageOfLeases({ client, after, limit: limit + 1 });
      const { page, ...next } = pageOf(rows, limit, ({ issuedMs, id }) => `${issuedMs}.${id}`);
      const leases = page.map((lease) => ({
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
      return { nowMs, leases, ...next };
    });
  }

  /** The requests that wait for capacity, in their order: all of them for an operator, its own for a client. */
  waiting(caller: TokenRow): QueueList {
    const { queue, clock, classes, usage } = this.#context;
    return listWaiting(queue.waiting, caller, {
      nowMs: clock(),
      withClass: classes.areNamed,
      usageOf: usage && ((payer) => usage.of(payer)),
    });
  }

  /** Ends expired leases and lapsed candidates, and deletes leases that ended long ago. */
  async sweep(): Promise<void> {
    const nowMs = this.#context.clock();
    await this.#context.store.transact((tx) => {
      sweep(tx, nowMs);
      tx.forgetLeases(nowMs - KEEP_ENDED_MS);
    });
    // For events without a notification that free capacity, such as candidates that lapsed.
    this.#context.queue.wake();
  }

  /** @param nowMs was read before the lease was written, so that a key is kept as long as its grants. */
  #sign(
    lease: LeaseRow,
    allocations: readonly NodeAllocation[],
    nowMs: number,
  ): api.NodeGrant[] {
    const texts = signGrants({
      lease: lease.id,
      client: lease.client,
      issuedMs: nowMs,
      claimByMs: nowMs + CLAIM_WITHIN_MS,
      expiresMs: lease.expiresMs,
      nodes: allocations.map(({ node, allocation: { workers, memoryBytes } }) => ({
        node: node.id,
        epoch: node.epoch,
        workers,
        memoryBytes,
      })),
    }, this.#context.keys.signing(nowMs));
    return allocations.map(({ node, allocation }, at) => ({
      node: node.id,
      name: node.name,
      addresses: node.addresses,
      bootId: node.bootId,
      workers: allocation.workers,
      grant: texts[at]!,
    }));
  }
}

/** The first lease with one of the ids. @throws {RefusalError} 410 if it has ended. */
function firstLease(tx: Transaction, ids: readonly string[]): LeaseRow | undefined {
  const found = ids.map((id) => tx.lease(id)).find((lease) => lease !== undefined);
  if (found === undefined || found.endedMs === null) return found;
  throw new RefusalError(410, "over", `Cannot grant lease again: it has ended: ${found.endReason}`);
}

/** The allocations of a lease that have not ended. */
function allocationsOf(tx: Transaction, lease: LeaseRow): NodeAllocation[] {
  const live = tx.allocationsOf(lease.id).filter(({ state }) => state !== "ended");
  return live.flatMap((allocation): NodeAllocation[] => {
    const node = tx.node(allocation.node);
    return node === undefined ? [] : [{ node, allocation }];
  });
}

function rootOf({ root, rootWorkers, rootMemoryBytes }: LeaseRow) {
  return { root, rootWorkers, rootMemoryBytes };
}

function owns(caller: TokenRow, lease: LeaseRow): boolean {
  return caller.role === "operator" || lease.client === caller.name;
}

function ownLease(tx: Transaction, caller: TokenRow, id: string): LeaseRow {
  const lease = tx.lease(id);
  // The same response for both, so that guessed ids reveal nothing.
  if (lease === undefined || !owns(caller, lease)) throw notFound("lease", id);
  return lease;
}
