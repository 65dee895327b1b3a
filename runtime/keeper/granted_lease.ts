/** A lease with the resource manager, and what was claimed for it: on one node, or on several. */

import { LeaseOverError, LeaseRefusedError, NodeLostError } from "../errors.ts";
import { timeOrderedName } from "../grant/time_ordered_name.ts";
import type { LeaseRequest, LeaseResponse } from "../http/lease_api.ts";
import type { ManagerClient } from "../http/manager_client.ts";
import { slowestOf, startOf } from "../protocol/executor_start.ts";
import { slotMemoryBytes, slotMemoryText, type SlotNeeds } from "../protocol/slot_memory.ts";
import { claimWorkers } from "./claim_workers.ts";
import type { KeeperLeaseRequest } from "./keeper_messages.ts";
import type { KeptStartup } from "./lease_startup.ts";
import { NodeClaim } from "./node_claim.ts";
import type { Reach } from "./reach_node.ts";

/** Refusals that the memory of the slots may have caused. */
const MEMORY_REASONS = new Set(["full", "quota"]);

/**
 * How long a node may take to confirm a renewal: this share of the term, at most so many milliseconds. Nodes that
 * respond must be renewed again in time, however long another one hangs.
 */
const RENEW_SHARE = 0.2;
const MAX_RENEW_MS = 5000;

/** How long a grant may be on its way when its lease is given up: a commit and a round trip on a busy host. */
const ON_ITS_WAY_MS = 250;

export class GrantedLease {
  /** The lease's id; empty until it is granted. */
  lease = "";
  /** The end of the term on this thread's monotonic clock. */
  endsAtMs = 0;
  readonly request: KeeperLeaseRequest;
  readonly #manager: ManagerClient;
  readonly #replaces: string | undefined;
  readonly #claims = new Set<NodeClaim>();
  #refusing: readonly string[] = [];
  /** Names the request, so that one which is repeated takes no second lease. */
  #name = timeOrderedName(Date.now());

  /** @param replaces the id of the lease a part of which this one replaces. */
  constructor(request: KeeperLeaseRequest, manager: ManagerClient, replaces?: string) {
    this.request = request;
    this.#manager = manager;
    this.#replaces = replaces;
  }

  /** What it has of each node. */
  get claims(): ReadonlySet<NodeClaim> {
    return this.#claims;
  }

  /** The ids of the nodes that refused the last grant, but for those whose turn came too late: they may have capacity. */
  get refusing(): readonly string[] {
    return this.#refusing;
  }

  /**
   * Takes a grant from the resource manager, and claims on the candidates until all workers are admitted. If that
   * fails, everything is released.
   *
   * @param waitMs how long the resource manager may wait for capacity.
   * @param avoid the ids of nodes that have just refused another grant.
   * @throws what the resource manager or the last candidate refused with.
   */
  async take(
    reach: Reach,
    signal: AbortSignal,
    waitMs = 0,
    avoid: readonly string[] = [],
  ): Promise<KeptStartup> {
    const { workerIndexes, memoryBytes, termMs, depth, maxBytes } = this.request;
    const workers = workerIndexes.length;
    const startMs = performance.now();
    const replaces = this.#replaces === undefined ? {} : { replaces: this.#replaces };
    const slots = { workers, depth, maxBytes };
    const request = {
      workers,
      memoryBytes: memoryBytes + slotMemoryBytes(slots),
      termMs,
      request: this.#name,
      ...replaces,
      ...(avoid.length === 0 ? {} : { avoid }),
    };
    // A request without a wait runs to its response, so that its grant can be released: otherwise the grant would keep its
    // cores for 2 s, until it lapses.
    const taking = waitMs === 0
      ? this.#manager.takeLease(request, undefined, this.request.traceparent)
      : this.#takeWaiting({ ...request, waitMs }, signal);
    const granted = await taking.catch((error) => {
      throw withSlotMemory(error, slots);
    });
    const grantedMs = performance.now();
    this.lease = granted.lease;
    this.#setEnd(granted.expiresMs - granted.nowMs, grantedMs);
    const claimed = await claimWorkers(granted.grants, workerIndexes, async (node, indexes) => {
      signal.throwIfAborted(); // as a refusal, after which the grant is released
      return await NodeClaim.claim(reach, node, indexes, this.request, signal);
    });
    for (const claim of claimed.claims) this.#claims.add(claim);
    this.#refusing = claimed.refusals.filter(({ error }) => !isTooLate(error))
      .map(({ candidate }) => candidate.node);
    if (claimed.missing === 0) return startup(startMs, grantedMs, claimed.claims);
    await this.end(); // grants without a claim lapse anyway
    signal.throwIfAborted();
    throw refused(workers, claimed.missing, claimed.refusals.at(-1)?.error);
  }

  /**
   * Moves the end by another term, if at least one of its nodes confirms that.
   *
   * @throws {LeaseOverError} if it is too late. Other errors of a node may pass: renew again.
   */
  async renew(): Promise<void> {
    const { termMs } = this.request;
    const { nowMs, expiresMs, grants } = await this.#manager.renewLease(this.lease, { termMs });
    const renewedMs = performance.now();
    const timeoutMs = Math.min(MAX_RENEW_MS, termMs * RENEW_SHARE);
    const renewals = [...this.#claims].flatMap((claim) => {
      const grant = grants.find(({ node }) => node === claim.node)?.grant;
      return grant === undefined ? [] : [claim.renew(grant, timeoutMs)]; // a part without one is over: its node reports it
    });
    if (renewals.length === 0) {
      throw new LeaseOverError("Cannot renew lease: no node holds it", "expired");
    }
    const settled = await Promise.allSettled(renewals);
    const isConfirmed = settled.some(({ status }) => status === "fulfilled");
    if (isConfirmed) this.#setEnd(expiresMs - nowMs, renewedMs);
    const failure = settled.find((each) => each.status === "rejected");
    if (failure) throw failure.reason;
  }

  /** Releases all of it. */
  async end(): Promise<void> {
    const atNodes = [...this.#claims].map((claim) => claim.end());
    const atManager = this.#manager.releaseLease(this.lease).catch(() => {}); // the nodes report the end as well
    await Promise.all([...atNodes, atManager]);
    this.#claims.clear();
  }

  /** Releases what it has of one node; the rest goes on. */
  async endOn(claim: NodeClaim): Promise<void> {
    if (!this.#claims.delete(claim)) return;
    const ended = this.#claims.size === 0
      ? this.#manager.releaseLease(this.lease)
      : this.#manager.releasePart(this.lease, claim.node);
    await Promise.all([claim.end(), ended.catch(() => {})]);
  }

  /** Before another attempt: what was granted is released, or over. */
  forget(): void {
    this.lease = "";
    this.#name = timeOrderedName(Date.now());
  }

  /** Disconnects from all nodes, which then end it. */
  close(): void {
    for (const claim of this.#claims) claim.close();
  }

  /** An abort cancels the wait, but not a response that is on its way. */
  async #takeWaiting(request: LeaseRequest, signal: AbortSignal): Promise<LeaseResponse> {
    signal.throwIfAborted();
    const cut = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const cutLater = () => {
      timer = setTimeout(() => cut.abort(signal.reason), ON_ITS_WAY_MS);
    };
    signal.addEventListener("abort", cutLater, { once: true });
    try {
      return await this.#manager.takeLease(request, cut.signal, this.request.traceparent);
    } finally {
      signal.removeEventListener("abort", cutLater);
      clearTimeout(timer);
    }
  }

  #setEnd(leftMs: number, sinceMs: number): void {
    this.endsAtMs = sinceMs + leftMs;
  }
}

function isTooLate(error: unknown): boolean {
  return error instanceof LeaseRefusedError && error.reason === "too-late";
}

/** The times of the node that was the last to admit: the claims ran at the same time. */
function startup(startMs: number, grantedMs: number, claims: readonly NodeClaim[]): KeptStartup {
  const last = claims.reduce((a, b) => a.admittedMs > b.admittedMs ? a : b);
  const { bootMs, startMs: workersMs } = slowestOf(last.executors);
  return {
    start: startOf(claims.flatMap((claim) => claim.executors)),
    grantMs: grantedMs - startMs,
    reachMs: last.reachedMs - grantedMs,
    admitMs: Math.max(0, last.admittedMs - last.reachedMs - bootMs - workersMs),
    bootMs,
    startMs: workersMs,
  };
}

/** The refusal names more memory than the app requested: adds what the rest is for. */
function withSlotMemory(error: unknown, slots: SlotNeeds): unknown {
  if (!(error instanceof LeaseRefusedError) || !MEMORY_REASONS.has(error.reason)) return error;
  const message = `${error.message}; with ${slotMemoryText(slots)}`;
  return new LeaseRefusedError(message, error.reason, { cause: error });
}

function refused(workers: number, missing: number, error: unknown): unknown {
  if (missing === workers && error !== undefined) return error;
  const known = error instanceof LeaseRefusedError || error instanceof NodeLostError;
  const detail = known ? `: ${error.message}` : "";
  return new LeaseRefusedError(
    `Cannot take lease: nodes admitted ${workers - missing} of ${workers} workers${detail}`,
    error instanceof LeaseRefusedError ? error.reason : "full",
    { cause: error },
  );
}
