/** A lease with the resource manager, and what was claimed for it: on one node, or on several. */

import { LeaseOver, LeaseRefused, NodeLost } from "../errors.ts";
import type { KeptStartup } from "./lease_startup.ts";
import type { ManagerClient } from "../http/manager_client.ts";
import { claimWorkers } from "./claim_workers.ts";
import { type LeaseRequest, NodeHold } from "./node_hold.ts";
import type { Reach } from "./reach_node.ts";
import { slotMemoryBytes, slotMemoryText, type SlotNeeds } from "../protocol/slot_memory.ts";

/** Refusals that may be for the memory. */
const OF_MEMORY = new Set(["full", "quota"]);

/**
 * How long a node may take to hear of a renewal: this share of the term, but no longer than so many milliseconds. Those
 * that answer must be renewed again in time, however long another one hangs.
 */
const RENEW_SHARE = 0.2;
const MAX_RENEW_MS = 5000;

export class Tenancy {
  /** The lease's id; empty until it was granted. */
  lease = "";
  /** The end of the term on this thread's monotonic clock. */
  endsAtMs = 0;
  readonly request: LeaseRequest;
  readonly #manager: ManagerClient;
  readonly #instead: string | undefined;
  readonly #holds = new Set<NodeHold>();

  /** @param instead the lease a part of which it takes the place of. */
  constructor(request: LeaseRequest, manager: ManagerClient, instead?: string) {
    this.request = request;
    this.#manager = manager;
    this.#instead = instead;
  }

  /** What it has of nodes. */
  get holds(): ReadonlySet<NodeHold> {
    return this.#holds;
  }

  /**
   * Asks the resource manager, then the candidates, until all workers are admitted. If they are not, everything is given
   * back.
   *
   * @param waitMs how long the resource manager may look for room.
   * @throws what the resource manager or the last candidate refused with.
   */
  async take(reach: Reach, signal: AbortSignal, waitMs = 0): Promise<KeptStartup> {
    const { places, memoryBytes, seconds, depth, maxBytes } = this.request;
    const workers = places.length;
    const askedMs = performance.now();
    const instead = this.#instead === undefined ? {} : { instead: this.#instead };
    const slots = { workers, depth, maxBytes };
    const asked = {
      workers,
      memoryBytes: memoryBytes + slotMemoryBytes(slots),
      seconds,
      ...instead,
    };
    // A request that waits is broken off when it is given up. One that does not is heard out and what it gave is given
    // back, or it would lie for two seconds until it lapses.
    const taking = waitMs === 0
      ? this.#manager.takeLease(asked)
      : this.#manager.takeLease({ ...asked, waitMs }, signal);
    const taken = await taking.catch((error) => {
      throw ofSlots(error, slots);
    });
    const grantedMs = performance.now();
    this.lease = taken.lease;
    this.#setEnd(taken.expiresMs - taken.nowMs, grantedMs);
    const { held, missing, refusal } = await claimWorkers(taken.grants, places, (node, some) => {
      signal.throwIfAborted();
      return NodeHold.claim(reach, node, some, this.request, signal);
    });
    for (const hold of held) this.#holds.add(hold);
    if (missing === 0) return startup(askedMs, grantedMs, held);
    await this.end(); // what was not claimed lapses anyway
    signal.throwIfAborted();
    throw refused(workers, missing, refusal?.error);
  }

  /**
   * Moves the end by another term, if one of its nodes has heard of that.
   *
   * @throws {LeaseOver} when it is too late; what a node failed with, for another try.
   */
  async renew(): Promise<void> {
    const { seconds } = this.request;
    const { nowMs, expiresMs, grants } = await this.#manager.renewLease(this.lease, { seconds });
    const answeredMs = performance.now();
    const timeoutMs = Math.min(MAX_RENEW_MS, seconds * 1000 * RENEW_SHARE);
    const shown = [...this.#holds].flatMap((hold) => {
      const grant = grants.find(({ node }) => node === hold.node)?.grant;
      return grant === undefined ? [] : [hold.renew(grant, timeoutMs)]; // a part that is over is told so by its node
    });
    if (shown.length === 0) throw new LeaseOver("Cannot renew lease: no node holds it");
    const heard = await Promise.allSettled(shown);
    const failed = heard.filter((each) => each.status === "rejected");
    if (failed.length < heard.length) this.#setEnd(expiresMs - nowMs, answeredMs);
    if (failed.length > 0) throw failed[0]!.reason;
  }

  /** Gives all of it back. */
  async end(): Promise<void> {
    const atNodes = [...this.#holds].map((hold) => hold.end());
    const atManager = this.#manager.endLease(this.lease).catch(() => {}); // the nodes report the end as well
    await Promise.all([...atNodes, atManager]);
    this.#holds.clear();
  }

  /** Gives back what it has of one node, and the rest goes on. */
  async endOn(hold: NodeHold): Promise<void> {
    if (!this.#holds.delete(hold)) return;
    const ended = this.#holds.size === 0
      ? this.#manager.endLease(this.lease)
      : this.#manager.endLeaseOn(this.lease, hold.node);
    await Promise.all([hold.end(), ended.catch(() => {})]);
  }

  /** Before another try: what was granted has been given back. */
  forget(): void {
    this.lease = "";
  }

  /** Lets go of all nodes, which end it by themselves. */
  close(): void {
    for (const hold of this.#holds) hold.close();
  }

  #setEnd(leftMs: number, sinceMs: number): void {
    this.endsAtMs = sinceMs + leftMs;
  }
}

/** Of the node that was the last to admit: the others were asked at the same time. */
function startup(askedMs: number, grantedMs: number, held: readonly NodeHold[]): KeptStartup {
  const last = held.reduce((a, b) => a.admittedMs > b.admittedMs ? a : b);
  const { bootMs, startMs } = last.executor;
  return {
    start: held.every(({ executor }) => executor.start === "pooled") ? "pooled" : "cold",
    grantMs: grantedMs - askedMs,
    reachMs: last.reachedMs - grantedMs,
    admitMs: Math.max(0, last.admittedMs - last.reachedMs - bootMs - startMs),
    bootMs,
    startMs,
  };
}

/** The refusal tells of more memory than was asked for: says what the rest is for. */
function ofSlots(error: unknown, slots: SlotNeeds): unknown {
  if (!(error instanceof LeaseRefused) || !OF_MEMORY.has(error.reason)) return error;
  const message = `${error.message}; with ${slotMemoryText(slots)}`;
  return new LeaseRefused(message, error.reason, { cause: error });
}

function refused(workers: number, missing: number, error: unknown): unknown {
  if (missing === workers && error !== undefined) return error;
  const known = error instanceof LeaseRefused || error instanceof NodeLost;
  const why = known ? `: ${error.message}` : "";
  return new LeaseRefused(
    `Cannot take lease: nodes admitted ${workers - missing} of ${workers} workers${why}`,
    error instanceof LeaseRefused ? error.reason : "full",
    { cause: error },
  );
}
