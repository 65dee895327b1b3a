/** A lease from the keeper's side: taken, renewed, watched, moved to another node when its own drains, given back. */

import type { ManagerClient } from "../manager_client.ts";
import { LeaseOver } from "../errors.ts";
import { LeaseWords, NODE_GONE, OVER } from "../lease_words.ts";
import { LogBatch } from "../log_relay.ts";
import { Draining, Executor, ExecutorEnded, Over } from "../node_protocol.ts";
import * as v from "../valibot.ts";
import type { KeeperEvent } from "./keeper_messages.ts";
import { takeInTime } from "./lease_wait.ts";
import type { Reach } from "./reach_node.ts";
import { type LeaseRequest, Tenancy } from "./tenancy.ts";

/** Renewal is due when this share of the term is left; tries that fail are repeated until the end. */
const RENEW_AT_SHARE = 0.5;
const RENEW_RETRY_MS = 1000;
/** Between two tries to find another node. */
const MOVE_RETRY_MS = 200;

export class HeldLease {
  readonly #request: LeaseRequest;
  readonly #manager: ManagerClient;
  readonly #reach: Reach;
  readonly #post: (event: KeeperEvent) => void;
  readonly #words: LeaseWords;
  #now: Tenancy;
  /** Nodes that drain: calls that were sent there may finish. */
  readonly #left = new Set<Tenancy>();
  /** Executors count on through all nodes: so many there were on those before. */
  readonly #generationsBefore = new WeakMap<Tenancy, number>();
  #generation = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over = false;
  readonly #giveUp = new AbortController();
  #leaving: Promise<unknown> = Promise.resolve();
  #taking: Promise<unknown> = Promise.resolve();
  /** The notices of nodes that drain, in milliseconds. */
  readonly #drains = new WeakMap<Tenancy, number>();

  constructor(
    request: LeaseRequest,
    manager: ManagerClient,
    reach: Reach,
    post: (event: KeeperEvent) => void,
  ) {
    this.#request = request;
    this.#manager = manager;
    this.#reach = reach;
    this.#post = post;
    this.#words = new LeaseWords(request.words);
    this.#now = this.#newTenancy();
  }

  /** Takes it on some node. */
  take(): Promise<void> {
    const taking = this.#take();
    this.#taking = taking.catch(() => {});
    return taking;
  }

  async #take(): Promise<void> {
    try {
      const { executor, startup } = await takeInTime(
        this.#now,
        this.#reach,
        this.#request.waitMs,
        this.#giveUp.signal,
      );
      this.#generation = executor.generation;
      const { key } = this.#request;
      this.#post({ type: "granted", key, ...this.#place(), executor, startup });
      this.#scheduleRenewal();
    } catch (error) {
      this.#over = true;
      throw error;
    }
    this.#moveIfDrained();
  }

  /** Gives the lease back, or gives up taking it. May be called twice. */
  async end(): Promise<void> {
    this.#giveUp.abort(new Error("Cannot take lease: it was given up"));
    await this.#taking;
    const back: Promise<void>[] = [this.leave()];
    if (!this.#over) {
      this.#finish(OVER, "closed by the client");
      back.push(this.#now.end());
    }
    await Promise.all(back);
    this.#now.close();
    this.#post({ type: "ended", key: this.#request.key });
  }

  /** Gives back what is left of the lease on nodes that it has moved away from. */
  async leave(): Promise<void> {
    const left = [...this.#left].map((tenancy) => tenancy.end());
    this.#left.clear();
    this.#leaving = Promise.all([this.#leaving, ...left]); // the end waits for what is on its way already
    await this.#leaving;
  }

  /** @param seconds its term. */
  #newTenancy(seconds = this.#request.seconds): Tenancy {
    const request = { ...this.#request, seconds };
    const tenancy: Tenancy = new Tenancy(request, this.#manager, {
      notice: (type, body) => this.#notice(tenancy, type, body),
      gone: (reason) => this.#gone(tenancy, reason),
    });
    this.#generationsBefore.set(tenancy, this.#generation);
    return tenancy;
  }

  #place() {
    const { lease, node, endsAtMs } = this.#now;
    // The end on this host's wall clock, for people.
    return { lease, node, expiresMs: Date.now() + (endsAtMs - performance.now()) };
  }

  #notice(tenancy: Tenancy, type: string, body: unknown): void {
    const { key } = this.#request;
    const before = this.#generationsBefore.get(tenancy)!;
    if (type === "log") {
      this.#post({ type: "log", key, ...v.parse(LogBatch, body) });
    } else if (type === "over") {
      const { reason } = v.parse(Over, body);
      if (tenancy === this.#now) this.#finish(OVER, reason);
      else this.#words.executorEnded(this.#generation - 1, reason);
    } else if (type === "draining") {
      this.#drains.set(tenancy, v.parse(Draining, body).noticeMs);
      this.#moveIfDrained();
    } else if (tenancy !== this.#now) {
      // what its executors do concerns nobody any more
    } else if (type === "executor-lost") {
      const { generation, reason } = v.parse(ExecutorEnded, body);
      this.#words.executorEnded(before + generation, reason);
      this.#post({ type: "lost", key, generation: before + generation, reason });
    } else if (type === "executor") {
      const executor = v.parse(Executor, body);
      this.#generation = before + executor.generation;
      this.#post({
        type: "executor",
        key,
        executor: { ...executor, generation: this.#generation },
      });
    }
  }

  #gone(tenancy: Tenancy, reason: string): void {
    if (tenancy !== this.#now) return;
    this.#finish(NODE_GONE, `the executor manager of node ${tenancy.node} is gone: ${reason}`);
  }

  #finish(state: number, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#words.ended(state, reason);
    this.#post({ type: "over", key: this.#request.key, reason });
  }

  /** A node that drains is left for another one, which is looked for as long as the notice runs. */
  #moveIfDrained(): void {
    const noticeMs = this.#drains.get(this.#now);
    if (noticeMs === undefined || this.#over || this.#now.lease === "") return;
    this.#drains.delete(this.#now);
    this.#taking = this.#taking.then(() => this.#move(noticeMs)).catch(() => {});
  }

  async #move(noticeMs: number): Promise<void> {
    const { key } = this.#request;
    const old = this.#now;
    this.#post({ type: "draining", key, noticeMs });
    const untilMs = performance.now() + noticeMs;
    while (!this.#over && !this.#giveUp.signal.aborted && performance.now() < untilMs) {
      // A term that is not renewed ends when it would have ended on the old node.
      const leftSeconds = Math.max(1, Math.ceil((old.endsAtMs - performance.now()) / 1000));
      const next = this.#newTenancy(this.#request.renew ? undefined : leftSeconds);
      try {
        const { executor } = await next.take(this.#reach, this.#giveUp.signal);
        // The old one may have ended meanwhile, and the lease with it.
        if (this.#over) return await next.end();
        this.#left.add(old);
        this.#now = next;
        this.#generation = this.#generationsBefore.get(next)! + executor.generation;
        const moved = { ...executor, generation: this.#generation };
        this.#post({ type: "moved", key, ...this.#place(), executor: moved });
        this.#scheduleRenewal();
        return this.#moveIfDrained();
      } catch {
        // No other node has room, or it went: there may be one a moment later.
        await new Promise((resolve) => setTimeout(resolve, MOVE_RETRY_MS));
      }
    }
  }

  /** Reckoned from the end, not from now: admission has taken its part of a short term already. */
  #scheduleRenewal(
    inMs = this.#now.endsAtMs - performance.now() - this.#request.seconds * 1000 * RENEW_AT_SHARE,
  ): void {
    clearTimeout(this.#timer);
    if (!this.#request.renew || this.#over) return;
    this.#timer = setTimeout(() => this.#renew(), Math.max(0, inMs));
  }

  async #renew(): Promise<void> {
    const renewed = this.#now;
    try {
      await renewed.renew();
      if (renewed !== this.#now) return;
      const { expiresMs } = this.#place();
      this.#post({ type: "renewed", key: this.#request.key, expiresMs });
      this.#scheduleRenewal();
    } catch (error) {
      if (this.#over || renewed !== this.#now) return;
      if (error instanceof LeaseOver) return this.#finish(OVER, error.message);
      // The resource manager may come back before the term is over; the node ends the lease if not.
      this.#scheduleRenewal(Math.min(RENEW_RETRY_MS, this.#request.seconds * 100));
    }
  }
}
