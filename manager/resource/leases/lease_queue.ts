/** The requests for leases that wait for capacity, in a fair order. */
import type { WaitReason } from "../../../runtime/http/queue_api.ts";
import { MAX_PASSED, MAX_PASSED_MS } from "../policy.ts";
import { RefusalError } from "../refusal.ts";
import type { Resources } from "../store/store.ts";
import type { Starving } from "./candidates.ts";
import { ClassLine } from "./class_line.ts";
import type { RequestClass } from "./classes.ts";
import { payerOf } from "./decayed_usage.ts";
import { FairLine } from "./fair_line.ts";
import { NoCapacityError } from "./no_capacity.ts";
import { UsageLine } from "./usage_line.ts";

/**
 * Tries to grant a lease, in one store change.
 *
 * @param starving the waiting requests that must not be passed.
 * @throws {NoCapacityError} if there is no capacity.
 */
type Attempt<T> = (starving: readonly Starving[]) => Promise<T>;

/** What makes capacity for a request of a class that preempts others. Its disposal lets leases stay. */
export interface Preemptor extends Disposable {
  /** The node that leases leave for it; undefined if there is none. */
  node(): string | undefined;
  /**
   * Lets leases leave, if the request can be served then.
   *
   * @param starving returns the requests before it that must not be passed.
   * @returns what is done, for people; undefined: nothing.
   */
  preempt(starving: () => readonly Starving[]): Promise<string | undefined>;
}

/** A request that may wait. */
export interface WaitOptions<T> {
  readonly request: Resources;
  /** The name of the client. */
  readonly client: string;
  /** Its account; undefined if it has none. */
  readonly account?: string | undefined;
  readonly class: RequestClass;
  /** How long it may wait, in milliseconds. */
  readonly waitMs: number;
  /** Fires when the client has gone. */
  readonly signal?: AbortSignal | undefined;
  readonly attempt: Attempt<T>;
  /** Missing if its class does not preempt others. */
  readonly preemptor?: Preemptor | undefined;
  /** Releases a lease that was granted to a client that has gone. */
  readonly release: (granted: T) => Promise<void>;
}

/** A request that waits, as operators see it. */
export interface WaitingRequest {
  readonly client: string;
  readonly payer: string;
  readonly class: RequestClass;
  readonly request: Resources;
  readonly sinceMs: number;
  /** When it is refused. */
  readonly untilMs: number;
  /** Why the last round granted nothing. */
  readonly reason: WaitReason;
}

interface Waiting extends WaitingRequest {
  reason: WaitReason;
  /** How many later requests were granted a lease. */
  passed: number;
  /** Whether an attempt is in progress. */
  trying: boolean;
  readonly preemptor: Preemptor | undefined;
  /** Notes why it waits, and lets leases leave for it. */
  lacks(reason: WaitReason): Promise<void>;
  /** Tries once. Resolves to whether the request has left the queue. */
  try(): Promise<boolean>;
  /** Removes the request from the queue, and rejects its promise. */
  refuse(error: unknown): void;
}

/**
 * Requests of a higher class are served first. Within a priority, clients take turns, or the account that has used least
 * for its share is served first. Each client's requests are served in the order of their arrival, except that a request that fits may pass requests that do not. A large request, which
 * must wait until much is free, does not keep small ones from idle cores.
 *
 * A large request does not starve: once it was passed {@linkcode MAX_PASSED} times, or has waited for
 * {@linkcode MAX_PASSED_MS}, a node is reserved for it, or as many nodes as it needs (candidates.ts).
 */
export class LeaseQueue {
  readonly #clock: () => number;
  readonly #maxWaiting: number;
  readonly #waiting: ClassLine<Waiting>;
  #serving: Promise<void> | undefined;
  #again = false;
  #closed = false;

  /**
   * @param maxWaiting how many requests may wait at a time.
   * @param usageOf returns the usage of a payer, by which those of one priority are ordered; undefined: they take turns.
   */
  constructor(clock: () => number, maxWaiting: number, usageOf?: (payer: string) => number) {
    this.#waiting = new ClassLine(() =>
      usageOf === undefined ? new FairLine() : new UsageLine(usageOf)
    );
    this.#clock = clock;
    this.#maxWaiting = maxWaiting;
  }

  /** The number of requests that wait. */
  get length(): number {
    return this.#waiting.size;
  }

  /** The requests that wait, in the order in which they are tried. */
  get waiting(): readonly WaitingRequest[] {
    this.#waiting.refresh();
    return this.#waiting.entries;
  }

  /** How long the first of them has waited, in milliseconds; 0 if none waits. */
  get longestWaitMs(): number {
    const nowMs = this.#clock();
    return this.#waiting.entries.reduce((most, { sinceMs }) => Math.max(most, nowMs - sinceMs), 0);
  }

  /** Tries once, for a request that does not wait. */
  async tryOnce<T>(attempt: Attempt<T>, { priority }: RequestClass): Promise<T> {
    const before = () => this.#waiting.entries.slice(0, this.#waiting.sizeFrom(priority));
    const granted = await attempt(this.#starving(before()));
    countPassed(before());
    return granted;
  }

  /**
   * Tries in turn until an attempt succeeds.
   *
   * @throws {RefusalError} at once any but {@linkcode NoCapacityError}; that of the last attempt when the time is over; 409
   * `full` if too many requests wait, none of which has to leave for this one; 503 `closing` after
   * {@linkcode LeaseQueue.close}.
   */
  wait<T>(options: WaitOptions<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closing());
    if (options.signal?.aborted) return Promise.reject(options.signal.reason);
    const { client, class: { priority } } = options;
    if (this.#waiting.size >= this.#maxWaiting && !this.#makePlace(client, priority)) {
      return Promise.reject(queueFull(this.#waiting.size, this.#waiting.countOf(client), client));
    }
    const { promise, waiting } = this.#enter(options);
    const { payer, class: inClass } = waiting;
    this.#waiting.add(waiting, { client, payer, class: inClass, workers: options.request.workers });
    this.wake();
    return promise;
  }

  /** Tries all waiting requests in turn, since capacity may have been freed. */
  wake(): void {
    if (this.#waiting.size === 0) return;
    this.#again = true;
    this.#serving ??= this.#serve().finally(() => this.#serving = undefined);
  }

  /** Refuses all waiting and all future requests. Resolves when no attempt is in progress. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const waiting of [...this.#waiting.entries]) waiting.refuse(closing());
    await this.#serving;
  }

  /** Frees a place of the lowest priority: that of a lower class, or of a client that has more places than `client`. */
  #makePlace(client: string, priority: number): boolean {
    const lowest = this.#waiting.lowest();
    if (lowest === undefined || lowest.priority > priority) return false;
    const own = this.#waiting.countOf(client);
    if (lowest.priority === priority && lowest.count <= own + 1) return false;
    lowest.last.refuse(queueFull(this.#waiting.size, lowest.count, lowest.client));
    return true;
  }

  async #serve(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      const refused: Resources[] = [];
      this.#waiting.refresh();
      for (const waiting of [...this.#waiting.entries]) {
        // A request as large as one that was refused in this round is skipped: most requests have the same size.
        if (refused.some((less) => fitsInto(less, waiting.request))) {
          if (waiting.preemptor === undefined) waiting.reason = BEHIND;
          else await waiting.lacks(BEHIND);
          continue;
        }
        if (!await waiting.try()) refused.push(waiting.request);
      }
    }
  }

  #enter<T>(
    { request, client, account, class: inClass, waitMs, signal, attempt, release, preemptor }:
      WaitOptions<T>,
  ): { promise: Promise<T>; waiting: Waiting } {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const sinceMs = this.#clock();
    let isLate = false;
    const leave = (): boolean => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abandon);
      preemptor?.[Symbol.dispose](); // at once: the next request counts on what is left
      return this.#waiting.delete(waiting);
    };
    const refuse = (error: unknown) => {
      if (leave()) reject(error);
    };
    const once = async (): Promise<void> => {
      const wasLate = isLate;
      try {
        const granted = await attempt(this.#starving(this.#before(waiting)));
        // The client has gone. If the release fails, the candidates lapse.
        if (!this.#waiting.has(waiting)) return await release(granted).catch(() => {});
        countPassed(this.#before(waiting));
        this.#waiting.served(waiting);
        leave();
        resolve(granted);
      } catch (error) {
        if (!(error instanceof NoCapacityError)) refuse(error);
        else if (wasLate) refuse(new RefusalError(409, error.code, waited(error.message, waitMs)));
        else await waiting.lacks(error.reason);
      }
    };
    const waiting: Waiting = {
      client,
      payer: payerOf({ account, client }),
      class: inClass,
      request,
      sinceMs,
      untilMs: sinceMs + waitMs,
      reason: UNTRIED,
      passed: 0,
      trying: false,
      preemptor,
      lacks: async (reason) => {
        waiting.reason = reason;
        const done = await preemptor?.preempt(() => this.#starving(this.#before(waiting)));
        if (done !== undefined) {
          waiting.reason = { ...reason, message: `${reason.message}; ${done}` };
        }
      },
      refuse,
      try: async () => {
        if (waiting.trying || !this.#waiting.has(waiting)) return true;
        waiting.trying = true;
        do await once(); while (isLate && this.#waiting.has(waiting));
        waiting.trying = false;
        return !this.#waiting.has(waiting);
      },
    };
    // One last attempt, so that the message has current figures.
    const timer = setTimeout(() => {
      isLate = true;
      void waiting.try();
    }, waitMs);
    const abandon = () => refuse(signal?.reason);
    signal?.addEventListener("abort", abandon, { once: true });
    return { promise, waiting };
  }

  /** Those of the requests before one that must not be passed. */
  #starving(before: readonly Waiting[]): Starving[] {
    const nowMs = this.#clock();
    return before.flatMap(({ request: { workers, memoryBytes }, passed, sinceMs, preemptor }) => {
      const node = preemptor?.node();
      if (node !== undefined) return [{ workers, memoryBytes, node }];
      const isStarving = passed >= MAX_PASSED || nowMs - sinceMs >= MAX_PASSED_MS;
      return isStarving ? [{ workers, memoryBytes }] : [];
    });
  }

  /** The requests before one that waits; all of them if it has left. */
  #before(waiting: Waiting): readonly Waiting[] {
    const all = this.#waiting.entries;
    const at = all.indexOf(waiting);
    return at < 0 ? all : all.slice(0, at);
  }
}

function countPassed(before: readonly Waiting[]): void {
  for (const each of before) each.passed++;
}

const UNTRIED: WaitReason = { code: "untried", message: "it has just arrived" };

/** The reason of a request that was not tried, since one of its size had just been refused. */
const BEHIND: WaitReason = {
  code: "behind",
  message: "there is no capacity for a request before it that is no larger",
};

/** Compares the memory of each worker, since several nodes may serve: more workers with less memory each may fit. */
function fitsInto(less: Resources, more: Resources): boolean {
  return less.workers <= more.workers &&
    less.memoryBytes / less.workers <= more.memoryBytes / more.workers;
}

function waited(message: string, waitMs: number): string {
  return `${message}, after a wait of ${waitMs} ms`;
}

function queueFull(waiting: number, own: number, client: string): RefusalError {
  const message =
    `Cannot grant lease: ${waiting} requests are waiting, ${own} of them of client ${client}`;
  return new RefusalError(409, "full", message);
}

function closing(): RefusalError {
  return new RefusalError(503, "closing", "Cannot grant lease: the resource manager is closing", 1);
}
