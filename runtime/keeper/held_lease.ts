/**
 * A lease from the keeper's side: taken, renewed, given back. A part whose node drains moves to others, and so does one
 * that is over or whose node is gone, as long as another part serves.
 */

import type { ManagerClient } from "../http/manager_client.ts";
import { memoryShare } from "../grant/grant.ts";
import { OVER } from "./lease_words.ts";
import { LogRelay } from "../control/log_relay.ts";
import { HeldPart, type PartHandlers } from "./held_part.ts";
import type { KeeperEvent, KeeperRequest } from "./keeper_messages.ts";
import { takeInTime } from "./lease_wait.ts";
import type { LeaseRequest } from "./node_hold.ts";
import type { Reach } from "./reach_node.ts";
import { Renewal } from "./renewal.ts";
import { Tenancy } from "./tenancy.ts";

/** Between two tries to find other nodes. */
const MOVE_RETRY_MS = 200;

/** An event without the lease's key. */
type News = KeeperEvent extends infer E ? E extends KeeperEvent ? Omit<E, "key"> : never : never;

export class HeldLease {
  readonly #request: LeaseRequest;
  readonly #manager: ManagerClient;
  readonly #reach: Reach;
  readonly #post: (event: KeeperEvent) => void;
  /** Those that serve, or are looked a place for. */
  readonly #parts = new Map<number, HeldPart>();
  /** Those that have moved: calls that were sent there may finish. */
  readonly #left = new Map<number, HeldPart>();
  readonly #renewals = new Map<Tenancy, Renewal>();
  readonly #giveUp = new AbortController();
  /** What the end waits for: the lease that is taken, places that are looked for, parts that are given back. */
  readonly #underWay = new Set<Promise<void>>();
  readonly #logs = new LogRelay((batch) => {
    this.#say({ type: "log", ...batch });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#setHeard = resolve;
    return promise;
  });
  #setHeard: () => void = () => {};
  #lastPart = -1;
  #over = false;

  constructor(
    request: Extract<KeeperRequest, { type: "lease" }>,
    manager: ManagerClient,
    reach: Reach,
    post: (event: KeeperEvent) => void,
  ) {
    const { workers, type: _, ...rest } = request;
    this.#request = { ...rest, places: Array.from({ length: workers }, (_, place) => place) };
    this.#manager = manager;
    this.#reach = reach;
    this.#post = post;
  }

  /** Takes it, on as few nodes as have room. */
  async take(): Promise<void> {
    const taking = this.#take();
    this.#awaited(taking);
    await taking;
  }

  async #take(): Promise<void> {
    const tenancy = new Tenancy(this.#request, this.#manager);
    try {
      const { waitMs } = this.#request;
      const startup = await takeInTime(tenancy, this.#reach, waitMs, this.#giveUp.signal);
      const parts = this.#adopt(tenancy);
      const grants = parts.map(({ grant }) => grant);
      this.#say({ type: "granted", parts: grants, startup, expiresMs: this.#expiresMs() });
      for (const part of parts) part.listen(this.#handlers);
    } catch (error) {
      this.#over = true;
      throw error;
    }
  }

  /** Gives the lease back, or gives up taking it. May be called twice. */
  async end(): Promise<void> {
    this.#giveUp.abort(new Error("Cannot take lease: it was given up"));
    while (this.#underWay.size > 0) await Promise.allSettled([...this.#underWay]);
    for (const part of this.#left.values()) this.leave(part.number);
    const tenancies = new Set([...this.#parts.values()].map(({ tenancy }) => tenancy));
    if (!this.#over) {
      this.#finish(OVER, "closed by the client");
      for (const tenancy of tenancies) this.#awaited(tenancy.end());
    }
    await Promise.allSettled([...this.#underWay]);
    for (const tenancy of tenancies) tenancy.close();
    this.#say({ type: "ended" });
  }

  /** The calling thread has taken the lines that it was sent. */
  heard(): void {
    this.#setHeard();
  }

  /** What was sent to a part that has moved is done: gives it back. */
  leave(number: number): void {
    const part = this.#left.get(number);
    if (part === undefined) return;
    this.#left.delete(number);
    this.#giveBack(part);
  }

  /** A part is of no use to the client. */
  abandon(number: number, reason: string): void {
    const part = this.#parts.get(number);
    if (part === undefined || part.over) return;
    this.#partOver(part, OVER, reason);
    this.#giveBack(part);
  }

  readonly #handlers: PartHandlers = {
    lost: ({ number }, generation, reason) =>
      this.#say({ type: "lost", part: number, generation, reason }),
    executor: ({ number }, executor) => this.#say({ type: "executor", part: number, executor }),
    log: (batch) => this.#logs.push(batch),
    draining: (part, noticeMs) => this.#drain(part, noticeMs),
    over: (part, state, reason) => this.#partOver(part, state, reason),
  };

  /** Makes parts of what was claimed. */
  #adopt(tenancy: Tenancy): HeldPart[] {
    const parts = [...tenancy.holds].map((hold) => new HeldPart(++this.#lastPart, tenancy, hold));
    for (const part of parts) this.#parts.set(part.number, part);
    if (this.#request.renew) {
      const renewal = new Renewal(tenancy, {
        renewed: () => this.#say({ type: "renewed", expiresMs: this.#expiresMs() }),
        over: (reason) => {
          for (const part of this.#parts.values()) {
            if (part.tenancy === tenancy) this.#partOver(part, OVER, reason);
          }
        },
      });
      this.#renewals.set(tenancy, renewal);
    }
    return parts;
  }

  /** A node that drains is left for others, which are looked for as long as the notice runs. */
  #drain(part: HeldPart, noticeMs: number): void {
    if (this.#over || part.over || part.moving || part.left) return;
    part.moving = true;
    this.#say({ type: "draining", part: part.number, noticeMs });
    this.#awaited(this.#place(part, noticeMs, "draining: its node was taken back"));
  }

  #partOver(part: HeldPart, state: number, reason: string): void {
    if (part.over) return;
    part.end(state, reason);
    if (part.left || this.#over) return;
    if ([...this.#parts.values()].every(({ over }) => over)) return this.#finish(state, reason);
    this.#say({ type: "gone", part: part.number, reason });
    if (part.moving) return; // a place is looked for already
    // What ends executors one after the other would end them elsewhere, too.
    const forMs = /^(crash-loop|limit):/.test(reason) ? 0 : this.#request.replaceMs;
    this.#awaited(this.#place(part, forMs, reason));
  }

  /** Puts others in a part's place, if there is room in time. */
  async #place(part: HeldPart, forMs: number, reason: string): Promise<void> {
    if (part.over) await this.#giveBack(part); // before another is asked for in its place
    const found = await this.#findPlace(part, performance.now() + forMs);
    part.moving = false;
    // The lease may have ended meanwhile, and a node may serve on that others were looked for in vain.
    if (this.#over) return await found?.end();
    if (found === undefined && !part.over) return;
    this.#parts.delete(part.number);
    if (found === undefined) {
      this.#giveBack(part);
      return this.#say({ type: "shrunk", part: part.number, reason });
    }
    part.left = true;
    this.#left.set(part.number, part);
    const parts = this.#adopt(found);
    const grants = parts.map(({ grant }) => grant);
    this.#say({
      type: "moved",
      part: part.number,
      parts: grants,
      expiresMs: this.#expiresMs(),
    });
    for (const each of parts) each.listen(this.#handlers);
  }

  async #findPlace({ tenancy, hold }: HeldPart, untilMs: number): Promise<Tenancy | undefined> {
    const { places, memoryBytes, seconds, renew } = this.#request;
    while (!this.#over && !this.#giveUp.signal.aborted && performance.now() < untilMs) {
      // A term that is not renewed ends when it would have ended on the old node.
      const leftSeconds = Math.ceil((tenancy.endsAtMs - performance.now()) / 1000);
      if (!renew && leftSeconds <= 0) return undefined;
      const next = new Tenancy(
        {
          ...this.#request,
          places: hold.places,
          memoryBytes: memoryShare(memoryBytes, hold.places.length, places.length),
          seconds: renew ? seconds : leftSeconds,
        },
        this.#manager,
        tenancy.lease,
      );
      try {
        await next.take(this.#reach, this.#giveUp.signal);
        return next;
      } catch {
        // No other node has room, or it went: there may be one a moment later.
        await new Promise((resolve) => setTimeout(resolve, MOVE_RETRY_MS));
      }
    }
    return undefined;
  }

  #finish(state: number, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    for (const renewal of this.#renewals.values()) renewal.stop();
    for (const part of this.#parts.values()) part.end(state, reason);
    this.#say({ type: "over", reason });
  }

  /** The end of what ends first, on this host's wall clock, for people. */
  #expiresMs(): number {
    const ends = [...this.#parts.values()].map(({ tenancy }) => tenancy.endsAtMs);
    return Date.now() + (Math.min(...ends) - performance.now());
  }

  /** Gives back what a part has of its node. */
  async #giveBack({ tenancy, hold }: HeldPart): Promise<void> {
    const ended = tenancy.endOn(hold);
    this.#awaited(ended);
    if (tenancy.holds.size === 0) {
      this.#renewals.get(tenancy)?.stop();
      this.#renewals.delete(tenancy);
    }
    await ended;
  }

  #awaited(work: Promise<void>): void {
    const settled = work.catch(() => {}).finally(() => this.#underWay.delete(settled));
    this.#underWay.add(settled);
  }

  #say(news: News): void {
    this.#post({ ...news, key: this.#request.key } as KeeperEvent);
  }
}
