/** A lease from the keeper's side: taken, renewed, watched, given back. */

import type { NodeGrant } from "../manager_api.ts";
import type { ManagerClient } from "../manager_client.ts";
import { ControlChannel, ControlError, controlOptions } from "../control_channel.ts";
import { LeaseOver, LeaseRefused, NodeLost } from "../errors.ts";
import { LeaseWords, NODE_GONE, OVER } from "../lease_words.ts";
import { encodeManagerHello, ManagerRole } from "../manager_hello.ts";
import { Executor, ExecutorEnded, Over, Renewed } from "../node_protocol.ts";
import * as v from "../valibot.ts";
import type { KeeperEvent, KeeperRequest } from "./keeper_messages.ts";
import { type Reach, reachNode } from "./reach_node.ts";

type LeaseRequest = Extract<KeeperRequest, { type: "lease" }>;

/** How long a node may take to admit a lease: it starts a process and its workers, which have limits of their own. */
const ADMIT_MS = 40_000;
/** Renewal is due when this share of the term is left; tries that fail are repeated until the end. */
const RENEW_AT_SHARE = 0.5;
const RENEW_RETRY_MS = 1000;
/** How long giving back may take. */
const END_MS = 3000;

export class HeldLease {
  readonly #request: LeaseRequest;
  readonly #manager: ManagerClient;
  readonly #post: (event: KeeperEvent) => void;
  readonly #words: LeaseWords;
  #lease = "";
  #channel: ControlChannel | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** On this thread's monotonic clock. */
  #endsAtMs = 0;
  #over = false;
  readonly #giveUp = new AbortController();
  #taking: Promise<void> | undefined;

  constructor(request: LeaseRequest, manager: ManagerClient, post: (event: KeeperEvent) => void) {
    this.#request = request;
    this.#manager = manager;
    this.#post = post;
    this.#words = new LeaseWords(request.words);
  }

  /** Asks the resource manager, then the candidates in a random order until one admits. */
  take(reach: Reach): Promise<void> {
    return this.#taking = this.#take(reach);
  }

  async #take(reach: Reach): Promise<void> {
    const { key, workers, memoryBytes, seconds } = this.#request;
    const askedMs = performance.now();
    const taken = await this.#manager.takeLease({ workers, memoryBytes, seconds });
    const grantedMs = performance.now();
    this.#lease = taken.lease;
    this.#setEnd(taken.nowMs, taken.expiresMs);
    try {
      const candidates = shuffle(taken.grants);
      let refusal: Error = new LeaseRefused("Cannot take lease: no node was offered", "no-nodes");
      for (const candidate of candidates) {
        this.#giveUp.signal.throwIfAborted();
        try {
          const { executor, reachedMs } = await this.#claim(reach, candidate);
          const { start, bootMs, startMs } = executor;
          const admitMs = Math.max(0, performance.now() - reachedMs - bootMs - startMs);
          this.#post({
            type: "granted",
            key,
            lease: taken.lease,
            node: candidate.name,
            executor,
            startup: {
              start,
              grantMs: grantedMs - askedMs,
              reachMs: reachedMs - grantedMs,
              admitMs,
              bootMs,
              startMs,
            },
            expiresMs: this.#wallEndMs(),
          });
          this.#scheduleRenewal();
          return;
        } catch (error) {
          this.#channel?.close();
          this.#channel = undefined;
          refusal = nodeError(error, candidate);
        }
      }
      throw refusal;
    } catch (error) {
      this.#over = true;
      await this.#manager.endLease(taken.lease).catch(() => {}); // what was not claimed lapses anyway
      throw error;
    }
  }

  /** Gives the lease back, or gives up taking it. May be called twice. */
  async end(): Promise<void> {
    this.#giveUp.abort(new Error("Cannot take lease: it was given up"));
    await this.#taking?.catch(() => {});
    if (!this.#over) {
      this.#finish(OVER, "closed by the client");
      const atNode = this.#channel?.request("end", {}, { timeoutMs: END_MS }).catch(() => {});
      const atManager = this.#manager.endLease(this.#lease).catch(() => {}); // the node reports the end as well
      await Promise.all([atNode, atManager]);
    }
    this.#channel?.close();
    this.#post({ type: "ended", key: this.#request.key });
  }

  async #claim(reach: Reach, candidate: NodeGrant) {
    const { workers, depth, maxBytes, hotMs, sha256, source } = this.#request;
    const { signal } = this.#giveUp;
    const connection = await reachNode(reach, candidate, {
      ...controlOptions(source.length),
      signal,
      privateData: encodeManagerHello(ManagerRole.CLIENT),
    });
    const reachedMs = performance.now();
    const channel = new ControlChannel(connection, {
      notice: (type, body) => this.#notice(type, body),
    });
    this.#channel = channel;
    const admitting = channel.request("admit", {
      grant: candidate.grant,
      workers,
      depth,
      maxBytes,
      hotMs: hotMs === Infinity ? null : hotMs,
      package: { sha256, ...channel.lend(source) },
    }, { timeoutMs: ADMIT_MS, signal });
    const answer = await admitting.catch(async (error) => {
      // The node may admit it all the same: then it ends it again, and its cores are free when this has been answered.
      if (signal.aborted) await channel.request("end", {}, { timeoutMs: END_MS }).catch(() => {});
      throw error;
    });
    channel.closed.then((reason) => {
      if (!this.#over) {
        this.#finish(
          NODE_GONE,
          `the executor manager of node ${candidate.name} is gone: ${reason}`,
        );
      }
    });
    return { executor: v.parse(Executor, answer), reachedMs };
  }

  #notice(type: string, body: unknown): void {
    const { key } = this.#request;
    if (type === "executor-lost") {
      const { generation, reason } = v.parse(ExecutorEnded, body);
      this.#words.executorEnded(generation, reason);
      this.#post({ type: "lost", key, generation, reason });
    } else if (type === "executor") {
      this.#post({ type: "executor", key, executor: v.parse(Executor, body) });
    } else if (type === "over") {
      this.#finish(OVER, v.parse(Over, body).reason);
    }
  }

  #finish(state: number, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#words.ended(state, reason);
    this.#post({ type: "over", key: this.#request.key, reason });
  }

  #setEnd(nowMs: number, expiresMs: number): void {
    this.#endsAtMs = performance.now() + (expiresMs - nowMs);
  }

  /** The end on this host's wall clock, for people. */
  #wallEndMs(): number {
    return Date.now() + (this.#endsAtMs - performance.now());
  }

  /** Reckoned from the end, not from now: admission has taken its part of a short term already. */
  #scheduleRenewal(
    inMs = this.#endsAtMs - performance.now() - this.#request.seconds * 1000 * RENEW_AT_SHARE,
  ): void {
    if (!this.#request.renew || this.#over) return;
    this.#timer = setTimeout(() => this.#renew(), Math.max(0, inMs));
  }

  async #renew(): Promise<void> {
    try {
      const { nowMs, expiresMs, grants } = await this.#manager.renewLease(this.#lease, {
        seconds: this.#request.seconds,
      });
      const grant = grants[0]?.grant;
      if (!grant) throw new LeaseOver("Cannot renew lease: no node holds it");
      v.parse(Renewed, await this.#channel!.request("renew", { grant }));
      this.#setEnd(nowMs, expiresMs);
      this.#post({ type: "renewed", key: this.#request.key, expiresMs: this.#wallEndMs() });
      this.#scheduleRenewal();
    } catch (error) {
      if (this.#over) return;
      if (error instanceof LeaseOver) return this.#finish(OVER, error.message);
      // The resource manager may come back before the term is over; the node ends the lease if not.
      this.#scheduleRenewal(Math.min(RENEW_RETRY_MS, this.#request.seconds * 100));
    }
  }
}

function shuffle<T>(items: readonly T[]): T[] {
  const shuffled = [...items];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  return shuffled;
}

/** What a candidate's failure means to who wants the lease. */
function nodeError(error: unknown, candidate: NodeGrant): Error {
  if (error instanceof ControlError) {
    if (error.code === "closed" || error.code === "timeout") {
      return new NodeLost(
        `Cannot take lease on node ${candidate.name}: ${error.message}`,
        "not-run",
        { cause: error },
      );
    }
    return new LeaseRefused(`Node ${candidate.name} refused: ${error.message}`, error.code, {
      cause: error,
    });
  }
  return error as Error;
}
