/**
 * The lease requests that were refused, as events. A flood of them becomes a few: requests of one client that are
 * refused for one reason are counted together, and no request waits for a write.
 */
import type { LeaseRequest } from "../../../runtime/http/manager_api.ts";
import { MAX_REFUSED_AT_ONCE, MAX_REFUSED_EVENTS, REFUSED_AGAIN_MS } from "../policy.ts";
import { type Actor, byToken, recordEvent } from "../record_event.ts";
import type { RefusalError, RefusalStatus } from "../refusal.ts";
import type { Store, TokenRow } from "../store/store.ts";

/** Refusals that depend on the leases and nodes: others are about the form of a request, or the resource manager. */
const STATUSES: ReadonlySet<RefusalStatus> = new Set([404, 409, 410]);

/** The refused requests of one client for one reason. */
interface Refused {
  readonly actor: Actor;
  readonly client: string;
  readonly code: string;
  /** Of the last request. */
  message: string;
  workers: number;
  /** How many there were since the last event. */
  requests: number;
  /** When the next event may be written. */
  nextMs: number;
}

/** Where events are recorded, and when. */
interface Journal {
  readonly store: Pick<Store, "transact">;
  readonly clock: () => number;
}

/** Counts refused requests, and records them. */
export class RefusedRequests {
  readonly #journal: Journal;
  /** By client and code. What was recorded last is last. */
  readonly #refused = new Map<string, Refused>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Counts a request. */
  add(caller: TokenRow, { workers }: LeaseRequest, { status, code, message }: RefusalError): void {
    if (!STATUSES.has(status)) return;
    const key = `${caller.name} ${code}`;
    let refused = this.#refused.get(key);
    if (refused === undefined) {
      if (this.#refused.size >= MAX_REFUSED_AT_ONCE) return;
      const client = caller.name;
      refused = { actor: byToken(caller), client, code, message, workers, requests: 0, nextMs: 0 };
      this.#refused.set(key, refused);
    }
    refused.message = message;
    refused.workers = workers;
    refused.requests++;
  }

  /** Records what was counted, except what has had an event just before. To be called regularly. */
  async write(): Promise<void> {
    if (this.#refused.size === 0) return;
    const nowMs = this.#journal.clock();
    const over = [...this.#refused].filter(([, { nextMs }]) => nextMs <= nowMs);
    for (const [key, { requests }] of over) if (requests === 0) this.#refused.delete(key);
    const due = over.filter(([, { requests }]) => requests > 0).slice(0, MAX_REFUSED_EVENTS);
    if (due.length === 0) return;
    const events = due.map(([, { actor, client, code, message, workers, requests }]) => {
      const state = message.replace(/^Cannot [a-z ]+: /, "");
      return { actor, details: { client, workers, requests, code, message: state } };
    });
    await this.#journal.store.transact((tx) => {
      for (const { actor, details } of events) {
        recordEvent(tx, "lease-refused", nowMs, actor, details);
      }
    });
    for (const [at, [key, refused]] of due.entries()) {
      refused.requests -= events[at]!.details.requests; // others may have been refused meanwhile
      refused.nextMs = nowMs + REFUSED_AGAIN_MS;
      this.#refused.delete(key);
      this.#refused.set(key, refused);
    }
  }
}
