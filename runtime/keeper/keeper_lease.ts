/**
 * A lease from the keeper's side: taken, renewed, released. A part whose node drains moves to other nodes; so does a part
 * that is over or whose node is lost, as long as another part serves.
 */

import { LogRelay } from "../control/log_relay.ts";
import { memoryShare } from "../grant/memory_share.ts";
import type { ManagerClient } from "../http/manager_client.ts";
import { CLOSED, type EndCode, type EndReason, endReason } from "../protocol/end_reason.ts";
import { findInTime } from "./find_in_time.ts";
import { GrantedLease } from "./granted_lease.ts";
import type { KeeperEvent, KeeperLeaseRequest } from "./keeper_messages.ts";
import { KeeperPart, type PartHandlers } from "./keeper_part.ts";
import { takeInTime } from "./lease_wait.ts";
import { OVER } from "./lease_words.ts";
import type { Reach } from "./reach_node.ts";
import { Renewal } from "./renewal.ts";

/** Between two attempts to find other nodes. */
const MOVE_RETRY_MS = 200;

/** Reasons for which a part would end on any other node as well: it is not moved. */
const ENDS_ANYWHERE: ReadonlySet<EndCode> = new Set(["crash-loop", "limit"]);

/** An event without the lease's key. */
type Unkeyed = KeeperEvent extends infer E ? E extends KeeperEvent ? Omit<E, "key"> : never : never;

export class KeeperLease {
  readonly #request: KeeperLeaseRequest;
  readonly #manager: ManagerClient;
  readonly #reach: Reach;
  readonly #post: (event: KeeperEvent) => void;
  /** Parts that serve, or that the keeper looks for a replacement of. */
  readonly #parts = new Map<number, KeeperPart>();
  /** Parts that have moved: calls that were sent there may finish. */
  readonly #left = new Map<number, KeeperPart>();
  readonly #renewals = new Map<GrantedLease, Renewal>();
  /** Ends every attempt to take a lease, or a replacement of a part. */
  readonly #giveUp = new AbortController();
  /** Taking the lease, replacing parts, releasing parts: the end of the lease awaits them. */
  readonly #pending = new Set<Promise<void>>();
  readonly #logs = new LogRelay((batch) => {
    this.#emit({ type: "log", ...batch });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onLogged = resolve;
    return promise;
  });
  #onLogged: () => void = () => {};
  #lastPart = -1;
  #over = false;

  constructor(
    request: KeeperLeaseRequest,
    manager: ManagerClient,
    reach: Reach,
    post: (event: KeeperEvent) => void,
  ) {
    this.#request = request;
    this.#manager = manager;
    this.#reach = reach;
    this.#post = post;
  }

  /** Takes it, on as few nodes as have the capacity. */
  async take(): Promise<void> {
    const taking = this.#take();
    this.#track(taking);
    await taking;
  }

  async #take(): Promise<void> {
    const grantedLease = new GrantedLease(this.#request, this.#manager);
    try {
      const { waitMs } = this.#request;
      const startup = await takeInTime(grantedLease, this.#reach, waitMs, this.#giveUp.signal);
      const parts = this.#adopt(grantedLease);
      const grants = parts.map(({ grant }) => grant);
      this.#emit({ type: "granted", parts: grants, startup, expiresMs: this.#expiresMs() });
      for (const part of parts) part.listen(this.#handlers);
    } catch (error) {
      this.#over = true;
      throw error;
    }
  }

  /** Releases the lease, or cancels taking it. May be called twice. */
  async end(): Promise<void> {
    this.#giveUp.abort(new Error("Cannot take lease: it was canceled"));
    while (this.#pending.size > 0) await Promise.allSettled([...this.#pending]);
    for (const part of this.#left.values()) this.leave(part.number);
    const grantedLeases = new Set(
      [...this.#parts.values()].map(({ grantedLease }) => grantedLease),
    );
    if (!this.#over) {
      this.#finish(OVER, CLOSED);
      for (const grantedLease of grantedLeases) this.#track(grantedLease.end());
    }
    await Promise.allSettled([...this.#pending]);
    for (const grantedLease of grantedLeases) grantedLease.close();
    this.#emit({ type: "ended" });
  }

  /** The calling thread has processed the last batch of lines. */
  onLogged(): void {
    this.#onLogged();
  }

  /** The calls on a part that has moved are complete: releases it. */
  leave(number: number): void {
    const part = this.#left.get(number);
    if (part === undefined) return;
    this.#left.delete(number);
    this.#release(part);
  }

  /** A part is of no use to the client. */
  abandon(number: number, reason: EndReason): void {
    const part = this.#parts.get(number);
    if (part === undefined || part.over) return;
    this.#partOver(part, OVER, reason);
    this.#release(part);
  }

  readonly #handlers: PartHandlers = {
    lost: ({ number }, lost) => this.#emit({ type: "lost", part: number, ...lost }),
    executor: ({ number }, executor) => this.#emit({ type: "executor", part: number, executor }),
    log: (batch) => this.#logs.push(batch),
    draining: (part, graceMs) => this.#drain(part, graceMs),
    over: (part, state, reason) => this.#partOver(part, state, reason),
  };

  /** Makes parts of what was claimed. */
  #adopt(grantedLease: GrantedLease): KeeperPart[] {
    const parts = [...grantedLease.claims].map((claim) =>
      new KeeperPart(++this.#lastPart, grantedLease, claim)
    );
    for (const part of parts) this.#parts.set(part.number, part);
    if (this.#request.renew) {
      const renewal = new Renewal(grantedLease, {
        renewed: () => this.#emit({ type: "renewed", expiresMs: this.#expiresMs() }),
        over: (reason) => {
          for (const part of this.#parts.values()) {
            if (part.grantedLease === grantedLease) this.#partOver(part, OVER, reason);
          }
        },
      });
      this.#renewals.set(grantedLease, renewal);
    }
    return parts;
  }

  /** A node drains: its part moves to other nodes, if any has the capacity within the grace period. */
  #drain(part: KeeperPart, graceMs: number): void {
    if (this.#over || part.over || part.moving || part.left) return;
    part.moving = true;
    this.#emit({ type: "draining", part: part.number, graceMs });
    this.#track(this.#replace(part, graceMs, endReason("draining", "its node drains")));
  }

  #partOver(part: KeeperPart, state: number, reason: EndReason): void {
    if (part.over) return;
    part.end(state, reason);
    if (part.left || this.#over) return;
    if ([...this.#parts.values()].every(({ over }) => over)) return this.#finish(state, reason);
    this.#emit({ type: "gone", part: part.number, reason });
    if (part.moving) return; // a replacement is being looked for already
    const forMs = ENDS_ANYWHERE.has(reason.code) ? 0 : this.#request.replaceMs;
    this.#track(this.#replace(part, forMs, reason));
  }

  /** Replaces a part by parts on other nodes, if any has the capacity within `forMs`. */
  async #replace(part: KeeperPart, forMs: number, reason: EndReason): Promise<void> {
    if (part.over) await this.#release(part); // before its replacement is requested: quotas count both
    const found = await this.#findReplacement(part, performance.now() + forMs);
    part.moving = false;
    // The lease may have ended meanwhile, and a node that drains may serve on if no other has the capacity.
    if (this.#over) return await found?.end();
    if (found === undefined && !part.over) return;
    this.#parts.delete(part.number);
    if (found === undefined) {
      this.#release(part);
      return this.#emit({ type: "shrunk", part: part.number, reason });
    }
    part.left = true;
    this.#left.set(part.number, part);
    const parts = this.#adopt(found);
    const grants = parts.map(({ grant }) => grant);
    this.#emit({
      type: "moved",
      part: part.number,
      parts: grants,
      expiresMs: this.#expiresMs(),
    });
    for (const each of parts) each.listen(this.#handlers);
  }

  async #findReplacement(
    { grantedLease, claim }: KeeperPart,
    untilMs: number,
  ): Promise<GrantedLease | undefined> {
    const { workerIndexes, memoryBytes, termMs, renew } = this.#request;
    const { signal } = this.#giveUp;
    const attempt = async () => {
      // A term that is not renewed ends when it would have ended on the old node.
      const leftMs = Math.ceil(grantedLease.endsAtMs - performance.now());
      const next = new GrantedLease(
        {
          ...this.#request,
          workerIndexes: claim.workerIndexes,
          memoryBytes: memoryShare(memoryBytes, claim.workerIndexes.length, workerIndexes.length),
          termMs: renew ? termMs : leftMs,
        },
        this.#manager,
        grantedLease.lease,
      );
      await takeInTime(next, this.#reach, 0, signal);
      return next;
    };
    return await findInTime(attempt, {
      untilMs: renew ? untilMs : Math.min(untilMs, grantedLease.endsAtMs),
      retryMs: MOVE_RETRY_MS,
      signal,
    });
  }

  #finish(state: number, reason: EndReason): void {
    if (this.#over) return;
    this.#over = true;
    this.#giveUp.abort(new Error(`Cannot take lease: ${reason.message}`));
    for (const renewal of this.#renewals.values()) renewal.stop();
    for (const part of this.#parts.values()) part.end(state, reason);
    this.#emit({ type: "over", reason });
  }

  /** The end of the part that ends first, on this host's wall clock, for people. */
  #expiresMs(): number {
    const ends = [...this.#parts.values()].map(({ grantedLease }) => grantedLease.endsAtMs);
    return Date.now() + (Math.min(...ends) - performance.now());
  }

  /** Releases what a part has of its node. */
  async #release({ grantedLease, claim }: KeeperPart): Promise<void> {
    const ended = grantedLease.endOn(claim);
    this.#track(ended);
    if (grantedLease.claims.size === 0) {
      this.#renewals.get(grantedLease)?.stop();
      this.#renewals.delete(grantedLease);
    }
    await ended;
  }

  #track(work: Promise<void>): void {
    const settled = work.catch(() => {}).finally(() => this.#pending.delete(settled));
    this.#pending.add(settled);
  }

  #emit(event: Unkeyed): void {
    this.#post({ ...event, key: this.#request.key } as KeeperEvent);
  }
}
