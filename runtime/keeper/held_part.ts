/** A part of a lease from the keeper's side: what one node tells of it. */

import { LeaseWords, NODE_GONE, OVER } from "./lease_words.ts";
import { LogBatch } from "../control/log_relay.ts";
import { Draining, Executor, ExecutorEnded, Over } from "../protocol/node_protocol.ts";
import * as v from "../valibot.ts";
import type { PartGrant } from "./keeper_messages.ts";
import type { NodeHold } from "./node_hold.ts";
import type { Tenancy } from "./tenancy.ts";

export interface PartHandlers {
  log(batch: LogBatch): void;
  lost(part: HeldPart, generation: number, reason: string): void;
  executor(part: HeldPart, executor: Executor): void;
  draining(part: HeldPart, noticeMs: number): void;
  /** It serves no more; the state is one of lease_words.ts. */
  over(part: HeldPart, state: number, reason: string): void;
}

export class HeldPart {
  readonly number: number;
  readonly tenancy: Tenancy;
  readonly hold: NodeHold;
  readonly words = new LeaseWords();
  /** It serves no more. */
  over = false;
  /** Its node drains, and others are looked for. */
  moving = false;
  /** Others have taken its place: what its executors do concerns nobody any more. */
  left = false;

  constructor(number: number, tenancy: Tenancy, hold: NodeHold) {
    this.number = number;
    this.tenancy = tenancy;
    this.hold = hold;
  }

  get grant(): PartGrant {
    const { name, places, executor } = this.hold;
    const words = this.words.shared;
    return { part: this.number, lease: this.tenancy.lease, node: name, places, executor, words };
  }

  /** Hears the node from now on, and what it has told before. */
  listen(handlers: PartHandlers): void {
    this.hold.listen({
      notice: (type, body) => this.#notice(handlers, type, body),
      gone: (reason) => {
        const said = `the executor manager of node ${this.hold.name} is gone: ${reason}`;
        handlers.over(this, NODE_GONE, said);
      },
    });
  }

  /** Ends it, for those who wait for its word as well. May be called twice: the first reason holds. */
  end(state: number, reason: string): void {
    this.over = true;
    this.words.ended(state, reason);
  }

  #notice(handlers: PartHandlers, type: string, body: unknown): void {
    if (type === "log") {
      handlers.log(v.parse(LogBatch, body));
    } else if (type === "over") {
      handlers.over(this, OVER, v.parse(Over, body).reason);
    } else if (type === "draining") {
      handlers.draining(this, v.parse(Draining, body).noticeMs);
    } else if (this.left) {
      return;
    } else if (type === "executor-lost") {
      const { generation, reason } = v.parse(ExecutorEnded, body);
      this.words.executorEnded(generation, reason);
      handlers.lost(this, generation, reason);
    } else if (type === "executor") {
      handlers.executor(this, v.parse(Executor, body));
    }
  }
}
