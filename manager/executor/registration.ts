/** The node's standing with the resource manager: registration, heartbeats, reports. */

import { ManagerUnreachable, RfaasError } from "../../runtime/errors.ts";
import {
  type GrantKey,
  type HeartbeatAnswer,
  type NodeRegistration,
  reportedReason,
} from "../../runtime/http/manager_api.ts";
import type { ManagerClient } from "../../runtime/http/manager_client.ts";
import { ManagerRefused } from "../../runtime/http/manager_refused.ts";
import { getLogger } from "../log.ts";
import type { NodeBills } from "./node_bills.ts";
import { NodeClock } from "./node_clock.ts";
import { watchOrders } from "./order_watch.ts";

/** Between two tries while the resource manager does not answer. */
const RETRY_MS = 500;
/** How long the resource manager may take to hear that this node drains, before its clients hear of it. */
const DRAIN_MS = 500;

export interface RegistrationHandlers {
  /** The leases that run here. */
  leases(): { lease: string; workers: number }[];
  /** The node is to be drained with this notice in milliseconds, or to be lent: null. Told after each heartbeat. */
  drain(noticeMs: number | null): void;
  /** The resource manager wants this lease ended, or all of them: `undefined`. */
  end(lease: string | undefined, reason: string): void;
  /** Totals that heartbeats carry, and the reports of ends. */
  readonly bills: NodeBills;
}

export class Registration {
  readonly clock = new NodeClock();
  readonly #client: ManagerClient;
  readonly #node: NodeRegistration;
  readonly #handlers: RegistrationHandlers;
  readonly #closing = new AbortController();
  readonly #log = getLogger(["rfaas", "executor-manager"]);
  #id = "";
  #epoch = 0;
  #keys: readonly GrantKey[] = [];
  #heartbeatMs = 1000;
  #working: Promise<unknown> = Promise.resolve();
  /** The resource manager has news: the next heartbeat is due now. */
  #hasNews = false;
  #wake = () => {};

  constructor(client: ManagerClient, node: NodeRegistration, handlers: RegistrationHandlers) {
    this.#client = client;
    this.#node = node;
    this.#handlers = handlers;
  }

  get id(): string {
    return this.#id;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get keys(): readonly GrantKey[] {
    return this.#keys;
  }

  /** Registers, waiting for the resource manager up to `timeoutMs`, then beats and hears orders until closed. */
  async begin(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const untilMs = performance.now() + timeoutMs;
    for (;;) {
      try {
        await this.#register(signal);
        break;
      } catch (error) {
        if (!(error instanceof ManagerUnreachable) || performance.now() > untilMs) throw error;
        await this.#pause(RETRY_MS);
        signal?.throwIfAborted();
      }
    }
    const watching = watchOrders({
      client: this.#client,
      standing: () => ({ node: this.#id, epoch: this.#epoch }),
      news: () => {
        this.#hasNews = true;
        this.#wake();
      },
      signal: this.#closing.signal,
    });
    this.#working = Promise.all([this.#beat(), watching]);
  }

  /** Reports a lease's begin or end; heartbeats repair what is lost. */
  async report(
    lease: string,
    state: "claimed" | "ended",
    workers: number,
    reason?: string,
  ): Promise<void> {
    const bill = state === "ended" ? this.#handlers.bills.last(lease) : undefined;
    try {
      await this.#client.reportLease(this.#id, lease, {
        epoch: this.#epoch,
        state,
        workers,
        ...(reason ? { reason: reportedReason(reason) } : {}),
        ...(bill ? { bill } : {}),
      });
      if (bill) this.#handlers.bills.acknowledge([bill]);
    } catch (error) {
      if (!(error instanceof RfaasError)) throw error;
      // A client may have given it back by the time that its node tells of it: nothing is wrong then.
      const over = state === "claimed" && error.name === "LeaseOver";
      this.#log[over ? "debug" : "warn"]("report of lease {lease} {state} failed: {error}", {
        lease,
        state,
        error: error.message,
      });
      if (over) this.#handlers.end(lease, "over: the resource manager has ended it");
    }
  }

  /** Asks for no more leases. Draining goes on if the resource manager does not answer. */
  async drain(noticeMs: number): Promise<void> {
    try {
      await this.#client.drainNode(this.#id, { noticeMs }, AbortSignal.timeout(DRAIN_MS));
    } catch (error) {
      this.#log.warn("the resource manager may offer this node still: {error}", {
        error: (error as Error).message,
      });
    }
  }

  /** Stops beating; `leave` takes the node off the resource manager's list. */
  async close(leave: boolean): Promise<void> {
    this.#closing.abort();
    await this.#working;
    if (!leave || this.#id === "") return;
    try {
      // What could not be told when the leases ended.
      if (this.#handlers.bills.due().length > 0) await this.#tell(AbortSignal.timeout(1000));
      await this.#client.removeNode(this.#id, AbortSignal.timeout(1000));
    } catch (error) {
      this.#log.info("the resource manager was not told of the end: {error}", {
        error: (error as Error).message,
      });
    }
  }

  async #register(signal?: AbortSignal): Promise<void> {
    const sentMs = performance.now();
    const welcome = await this.#client.registerNode(this.#node, signal);
    this.clock.learn(welcome.nowMs, sentMs, performance.now());
    this.#id = welcome.node;
    this.#epoch = welcome.epoch;
    this.#keys = welcome.keys;
    this.#heartbeatMs = welcome.heartbeatMs;
    this.#log.info("registered as node {node}, epoch {epoch}", {
      node: this.#id,
      epoch: this.#epoch,
    });
  }

  async #registerAgain(signal: AbortSignal): Promise<void> {
    const id = this.#id;
    const own = this.#epoch + 1;
    await this.#register(signal);
    if (this.#id !== id || this.#epoch <= own) return;
    this.#log.warn(
      "another executor manager registers as {name}: each start ends what the other serves, give each a --name of its own",
      { name: this.#node.name },
    );
  }

  async #beat(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      if (!this.#hasNews) await this.#pause(this.#heartbeatMs);
      if (signal.aborted) return;
      this.#hasNews = false;
      try {
        const answer = await this.#tell(signal);
        this.#handlers.drain(answer.drainMs);
        for (const lease of answer.end) {
          this.#handlers.end(lease, "over: the resource manager has ended it");
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ManagerRefused && error.code === "register-again") {
          this.#handlers.end(
            undefined,
            "over: the resource manager does not know this node any more",
          );
          await this.#registerAgain(signal).catch((again: Error) =>
            this.#log.warn("{error}", { error: again.message })
          );
        } else {
          // Leases that run go on to the end of their term.
          this.#log.warn("no heartbeat: {error}", { error: (error as Error).message });
        }
      }
    }
  }

  /** One heartbeat. */
  async #tell(signal: AbortSignal): Promise<HeartbeatAnswer> {
    const { leases, bills } = this.#handlers;
    const due = bills.due();
    const sentMs = performance.now();
    const answer = await this.#client.heartbeat(
      this.#id,
      { epoch: this.#epoch, leases: leases(), ...(due.length > 0 ? { bills: due } : {}) },
      signal,
    );
    bills.acknowledge(due);
    this.clock.learn(answer.nowMs, sentMs, performance.now());
    this.#keys = answer.keys;
    return answer;
  }

  #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = () => {
      clearTimeout(timer);
      this.#closing.signal.removeEventListener("abort", done);
      resolve();
    };
    this.#wake = done;
    const timer = setTimeout(done, ms);
    this.#closing.signal.addEventListener("abort", done, { once: true });
    return promise;
  }
}
