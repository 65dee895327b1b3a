/** What the keeper has of one node: a lease with the resource manager, claimed on that node. */

import { ControlChannel, ControlError, controlOptions } from "../control_channel.ts";
import { LeaseOver, LeaseRefused, NodeLost } from "../errors.ts";
import type { KeptStartup } from "../lease_startup.ts";
import type { NodeGrant } from "../manager_api.ts";
import type { ManagerClient } from "../manager_client.ts";
import { encodeManagerHello, ManagerRole } from "../manager_hello.ts";
import { Executor, Renewed } from "../node_protocol.ts";
import * as v from "../valibot.ts";
import type { KeeperRequest } from "./keeper_messages.ts";
import { type Reach, reachNode } from "./reach_node.ts";

export type LeaseRequest = Extract<KeeperRequest, { type: "lease" }>;

/** How long a node may take to admit a lease: it starts a process and its workers, which have limits of their own. */
const ADMIT_MS = 40_000;
/** How long giving back may take. */
const END_MS = 3000;

export interface TenancyHandlers {
  notice(type: string, body: unknown): void;
  /** Its node can't be reached any more. */
  gone(reason: string): void;
}

/** An executor that serves, and how it came about. */
export interface Taken {
  readonly executor: Executor;
  readonly startup: KeptStartup;
}

export class Tenancy {
  /** The lease's id; empty until it was granted. */
  lease = "";
  /** The node's name. */
  node = "";
  /** The end of the term on this thread's monotonic clock. */
  endsAtMs = 0;
  readonly #request: LeaseRequest;
  readonly #manager: ManagerClient;
  readonly #handlers: TenancyHandlers;
  #channel: ControlChannel | undefined;

  constructor(request: LeaseRequest, manager: ManagerClient, handlers: TenancyHandlers) {
    this.#request = request;
    this.#manager = manager;
    this.#handlers = handlers;
  }

  /**
   * Asks the resource manager, then the candidates in a random order until one admits.
   *
   * @param waitMs how long the resource manager may look for room.
   * @throws what the resource manager or the last candidate refused with.
   */
  async take(reach: Reach, signal: AbortSignal, waitMs = 0): Promise<Taken> {
    const { workers, memoryBytes, seconds } = this.#request;
    const askedMs = performance.now();
    const asked = { workers, memoryBytes, seconds };
    // A request that waits is broken off when it is given up. One that does not is heard out and what it gave is given
    // back, or it would lie for two seconds until it lapses.
    const taken = waitMs === 0
      ? await this.#manager.takeLease(asked)
      : await this.#manager.takeLease({ ...asked, waitMs }, signal);
    const grantedMs = performance.now();
    this.lease = taken.lease;
    this.#setEnd(taken.nowMs, taken.expiresMs);
    let refusal: Error = new LeaseRefused("Cannot take lease: no node was offered", "no-nodes");
    try {
      for (const candidate of shuffle(taken.grants)) {
        signal.throwIfAborted();
        try {
          const { executor, reachedMs } = await this.#claim(reach, candidate, signal);
          const { start, bootMs, startMs } = executor;
          const admitMs = Math.max(0, performance.now() - reachedMs - bootMs - startMs);
          const times = { grantMs: grantedMs - askedMs, reachMs: reachedMs - grantedMs, admitMs };
          return { executor, startup: { start, ...times, bootMs, startMs } };
        } catch (error) {
          this.close();
          this.#channel = undefined;
          refusal = nodeError(error, candidate);
        }
      }
      throw refusal;
    } catch (error) {
      await this.#manager.endLease(taken.lease).catch(() => {}); // what was not claimed lapses anyway
      throw error;
    }
  }

  /** Moves the end by another term. @throws {LeaseOver} when it is too late. */
  async renew(): Promise<void> {
    const { seconds } = this.#request;
    const { nowMs, expiresMs, grants } = await this.#manager.renewLease(this.lease, { seconds });
    const grant = grants[0]?.grant;
    if (!grant) throw new LeaseOver("Cannot renew lease: no node holds it");
    v.parse(Renewed, await this.#channel!.request("renew", { grant }));
    this.#setEnd(nowMs, expiresMs);
  }

  /** Gives it back. */
  async end(): Promise<void> {
    const atNode = this.#channel?.request("end", {}, { timeoutMs: END_MS }).catch(() => {});
    const atManager = this.#manager.endLease(this.lease).catch(() => {}); // the node reports the end as well
    await Promise.all([atNode, atManager]);
    this.close();
  }

  /** Before another try: what was granted has been given back. */
  forget(): void {
    this.lease = "";
  }

  /** Lets go of the node, which ends the lease there. */
  close(): void {
    this.#channel?.close();
  }

  async #claim(reach: Reach, candidate: NodeGrant, signal: AbortSignal) {
    const { workers, depth, maxBytes, hotMs, logs, sha256, source } = this.#request;
    const connection = await reachNode(reach, candidate, {
      ...controlOptions(source.length),
      signal,
      privateData: encodeManagerHello(ManagerRole.CLIENT),
    });
    const reachedMs = performance.now();
    const channel = new ControlChannel(connection, {
      request: (type, body) => {
        if (type !== "log") {
          throw new ControlError(`Cannot ${type}: a client does not know how`, "bad-request");
        }
        this.#handlers.notice(type, body);
      },
      notice: (type, body) => this.#handlers.notice(type, body),
    });
    this.#channel = channel;
    const admitting = channel.request("admit", {
      grant: candidate.grant,
      workers,
      depth,
      maxBytes,
      hotMs: hotMs === Infinity ? null : hotMs,
      logs,
      package: { sha256, ...channel.lend(source) },
    }, { timeoutMs: ADMIT_MS, signal });
    const answer = await admitting.catch(async (error) => {
      // The node may admit it all the same: then it ends it again, and its cores are free when this has been answered.
      if (signal.aborted) await channel.request("end", {}, { timeoutMs: END_MS }).catch(() => {});
      throw error;
    });
    const executor = v.parse(Executor, answer);
    this.node = candidate.name;
    channel.closed.then((reason) => this.#handlers.gone(reason));
    return { executor, reachedMs };
  }

  #setEnd(nowMs: number, expiresMs: number): void {
    this.endsAtMs = performance.now() + (expiresMs - nowMs);
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
