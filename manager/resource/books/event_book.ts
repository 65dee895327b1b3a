/** The events as clients and operators see them: pages of those that are kept, and requests that wait for new ones. */
import type { EventList } from "../../../runtime/http/event_api.ts";
import { FOLLOW_EVERY_MS, MAX_FOLLOWERS_EACH } from "../policy.ts";
import { RefusalError } from "../refusal.ts";
import type { TokenRow } from "../store/store.ts";
import type { BookContext } from "./book_context.ts";
import type { CheckedEventQuery } from "./event_query.ts";
import { cannotList } from "./query_fields.ts";

/** A request that waits for an event. */
interface Follower {
  /** The hash of its token. */
  readonly token: string;
  /** The number of the last event that it has considered. */
  readonly after: number;
  wake(): void;
  refuse(error: unknown): void;
}

/** Reads events. What records them is {@linkcode recordEvent}. */
export class EventBook {
  readonly #context: Pick<BookContext, "store" | "clock">;
  readonly #maxFollowers: number;
  readonly #followers = new Set<Follower>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  /** @param maxFollowers how many requests may wait at a time. */
  constructor(context: Pick<BookContext, "store" | "clock">, maxFollowers: number) {
    this.#context = context;
    this.#maxFollowers = maxFollowers;
  }

  /**
   * A page of the events, oldest first: all for an operator, those of its own leases for a client. If there is none,
   * waits for `waitMs` of the query.
   *
   * @param signal returns what fires when the client has gone.
   * @throws {RefusalError} 400 if `after` is behind the last event; 429 `busy` if too many requests wait; 503 `closing`.
   * @throws the reason of the signal.
   */
  async list(
    caller: TokenRow,
    query: CheckedEventQuery,
    signal: () => AbortSignal,
  ): Promise<EventList> {
    const untilMs = performance.now() + query.waitMs;
    let { after } = query;
    let missed = 0;
    for (;;) {
      const page = await this.#read(caller, { ...query, after });
      missed += page.missed;
      const leftMs = untilMs - performance.now();
      if (page.events.length > 0 || leftMs <= 0) return { ...page, missed };
      after = Number(page.last);
      await this.#follow(caller, after, leftMs, signal());
    }
  }

  /** Refuses all requests that wait. */
  close(): void {
    this.#isClosed = true;
    for (const follower of [...this.#followers]) follower.refuse(closing());
  }

  async #read(
    caller: TokenRow,
    { client, after, limit, ...query }: CheckedEventQuery,
  ): Promise<EventList> {
    const nowMs = this.#context.clock();
    const isOwn = caller.role === "operator" || client === undefined || client === caller.name;
    const of = caller.role === "operator" ? client : caller.name;
    const { rows, more, missed, last } = await this.#context.store.transact((tx) => {
      const last = tx.lastEvent();
      if (after !== undefined && after > last) {
        throw cannotList("events", `after ${after} is behind the last event, ${last}`);
      }
      const slice = tx.events({ ...query, client: of, after, limit });
      return isOwn ? { ...slice, last } : { rows: [], more: false, missed: slice.missed, last };
    });
    const next = more ? { next: `${rows.at(-1)!.seq}` } : {};
    return { nowMs, events: rows, ...next, last: `${last}`, missed };
  }

  /** Waits for an event with a greater number than `after`, of any kind. */
  #follow(
    caller: TokenRow,
    after: number,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#isClosed) return Promise.reject(closing());
    if (signal.aborted) return Promise.reject(signal.reason);
    const own = [...this.#followers].filter(({ token }) => token === caller.hash).length;
    if (this.#followers.size >= this.#maxFollowers || own >= MAX_FOLLOWERS_EACH) {
      const state = `${this.#followers.size} requests wait for events, ${own} with this token`;
      return Promise.reject(
        new RefusalError(429, "busy", `Cannot wait for events: ${state}`, 5),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abandon);
      this.#followers.delete(follower);
      if (this.#followers.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
    const follower: Follower = {
      token: caller.hash,
      after,
      wake: () => {
        leave();
        resolve();
      },
      refuse: (error) => {
        leave();
        reject(error);
      },
    };
    const abandon = () => follower.refuse(signal.reason);
    const timer = setTimeout(follower.wake, waitMs);
    signal.addEventListener("abort", abandon, { once: true });
    this.#followers.add(follower);
    if (this.#timer === undefined) this.#look();
    return promise;
  }

  /** Looks for events at intervals while requests wait: many events are then one response. */
  #look(): void {
    const timer = setTimeout(async () => {
      try {
        const last = await this.#context.store.transact((tx) => tx.lastEvent());
        if (this.#timer !== timer) return;
        for (const follower of [...this.#followers]) {
          if (follower.after < last) follower.wake();
        }
        if (this.#followers.size > 0) this.#look();
      } catch (error) {
        for (const follower of [...this.#followers]) follower.refuse(error);
      }
    }, FOLLOW_EVERY_MS);
    this.#timer = timer;
  }
}

function closing(): RefusalError {
  const state = "the resource manager is closing";
  return new RefusalError(503, "closing", `Cannot wait for events: ${state}`, 1);
}
