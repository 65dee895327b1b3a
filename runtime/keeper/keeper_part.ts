/** A part of a lease from the keeper's side: the events of one node. */

import { type LogBatch, logBatchSchema } from "../control/log_relay.ts";
import { type EndReason, endReason } from "../protocol/end_reason.ts";
import {
  drainingSchema,
  type Executor,
  type ExecutorLost,
  executorLostSchema,
  executorSchema,
  overSchema,
} from "../protocol/node_protocol.ts";
import * as v from "../valibot.ts";
import type { GrantedLease } from "./granted_lease.ts";
import type { PartGrant } from "./keeper_messages.ts";
import { LeaseWords, NODE_GONE, OVER } from "./lease_words.ts";
import type { NodeClaim } from "./node_claim.ts";

export interface PartHandlers {
  log(batch: LogBatch): void;
  lost(part: KeeperPart, lost: ExecutorLost): void;
  executor(part: KeeperPart, executor: Executor): void;
  draining(part: KeeperPart, graceMs: number): void;
  /** It serves no more; the state is one of lease_words.ts. */
  over(part: KeeperPart, state: number, reason: EndReason): void;
}

export class KeeperPart {
  readonly number: number;
  readonly grantedLease: GrantedLease;
  readonly claim: NodeClaim;
  readonly words: LeaseWords;
  /** It serves no more. */
  over = false;
  /** Its node drains, and the keeper looks for other nodes. */
  moving = false;
  /** Other parts have replaced it: events of its executors are ignored. */
  left = false;

  constructor(number: number, grantedLease: GrantedLease, claim: NodeClaim) {
    this.number = number;
    this.grantedLease = grantedLease;
    this.claim = claim;
    this.words = new LeaseWords(claim.workerIndexes);
  }

  get grant(): PartGrant {
    const { name, workerIndexes, executors } = this.claim;
    return {
      part: this.number,
      lease: this.grantedLease.lease,
      node: name,
      workerIndexes,
      executors,
      words: this.words.shared,
    };
  }

  /** Handles the node's events from now on, and those that arrived before. */
  listen(handlers: PartHandlers): void {
    this.claim.listen({
      event: (type, body) => this.#onEvent(handlers, type, body),
      gone: (reason) => {
        const message = `the executor manager of node ${this.claim.name} is gone: ${reason}`;
        handlers.over(this, NODE_GONE, endReason("node-lost", message));
      },
    });
  }

  /** Ends it, also for threads that wait on its words. May be called twice: the first reason holds. */
  end(state: number, reason: EndReason): void {
    this.over = true;
    this.words.ended(state, reason);
  }

  #serves(worker: number): boolean {
    return this.claim.workerIndexes.includes(worker);
  }

  #onEvent(handlers: PartHandlers, type: string, body: unknown): void {
    if (type === "log") {
      handlers.log(v.parse(logBatchSchema, body));
    } else if (type === "over") {
      handlers.over(this, OVER, v.parse(overSchema, body).reason);
    } else if (type === "draining") {
      handlers.draining(this, v.parse(drainingSchema, body).graceMs);
    } else if (this.left) {
      return;
    } else if (type === "executor-lost") {
      const lost = v.parse(executorLostSchema, body);
      if (!this.#serves(lost.worker)) return;
      this.words.executorEnded(lost);
      handlers.lost(this, lost);
    } else if (type === "executor") {
      const executor = v.parse(executorSchema, body);
      if (this.#serves(executor.worker)) handlers.executor(this, executor);
    }
  }
}
