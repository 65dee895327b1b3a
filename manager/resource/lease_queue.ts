/** Requests for leases that wait for room, in the order in which they came. */
import { maxPassed, maxPassedMs, maxWaitingOfClient } from "./policy.ts";
import { Refusal } from "./refusal.ts";
import type { Taken } from "./store.ts";

/**
 * Tries to give a lease, in one store transaction.
 *
 * @param owed asked inside of the transaction: what those ask for who must not be passed any more.
 * @throws {Refusal} `full` or `no-nodes` if there is no room.
 */
type Attempt<T> = (owed: () => readonly Taken[]) => Promise<T>;

/** What a request that waits needs. */
export interface WaitOptions<T> {
  readonly asked: Taken;
  /** Who asks. */
  readonly client: string;
  /** How long it waits, in milliseconds. */
  readonly waitMs: number;
  /** Fires when nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
  readonly attempt: Attempt<T>;
  /** Takes back what was given when nobody waited for it any more. */
  readonly giveBack: (given: T) => Promise<void>;
}

interface Waiting {
  readonly asked: Taken;
  readonly client: string;
  readonly sinceMs: number;
  /** How many leases were given to those who came later. */
  passed: number;
  /** Its try that is under way. */
  trying: boolean;
  /** Tries once. Resolves to whether it is answered, or has gone. */
  try(): Promise<boolean>;
  /** Takes it out unanswered. */
  refuse(error: unknown): void;
}

/**
 * First come, first served, but one who fits may pass those who do not: a large request, which must wait until much is
 * free, shall not keep small ones from cores that are idle. It is not starved: once it was passed
 * {@linkcode maxPassed} times or has waited for {@linkcode maxPassedMs}, a node is kept for it, or as many as it needs
 * (placement.ts), and who comes later gets nothing there.
 */
export class LeaseQueue {
  readonly #clock: () => number;
  readonly #most: number;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>();
  #serving: Promise<void> | undefined;
  #again = false;
  #closed = false;

  /** @param most how many may wait at a time. */
  constructor(clock: () => number, most: number) {
    this.#clock = clock;
    this.#most = most;
  }

  /** How many wait. */
  get length(): number {
    return this.#waiting.size;
  }

  /** Tries once, for one who does not wait and is not queued. */
  async tryOnce<T>(attempt: Attempt<T>): Promise<T> {
    const given = await attempt(() => this.#owed());
    this.#countPassed();
    return given;
  }

  /**
   * Waits for its turn until the attempt succeeds.
   *
   * @throws {Refusal} the last one when time is up, at once any but `full` and `no-nodes`; 409 `full` if too many wait,
   * 409 `quota` if too many of this client do, 503 `closing` once {@linkcode LeaseQueue.close} was called.
   */
  wait<T>(options: WaitOptions<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closing());
    if (options.signal?.aborted) return Promise.reject(options.signal.reason);
    if (this.#waiting.size >= this.#most) {
      const message = `Cannot give lease: ${this.#waiting.size} requests wait already`;
      return Promise.reject(new Refusal(409, "full", message));
    }
    const { client } = options;
    let own = 0;
    for (const each of this.#waiting) if (each.client === client) own++;
    if (own >= maxWaitingOfClient) {
      const message =
        `Cannot give lease: ${own} requests of client ${client} wait already, no more may`;
      return Promise.reject(new Refusal(409, "quota", message));
    }
    const { promise, waiting } = this.#enter(options);
    this.#waiting.add(waiting);
    this.wake();
    return promise;
  }

  /** Room may have come: tries the first, then the next ones. */
  wake(): void {
    if (this.#waiting.size === 0) return;
    this.#again = true;
    this.#serving ??= this.#serve().finally(() => this.#serving = undefined);
  }

  /** Refuses all who wait, and all who come. Resolves when no try is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const waiting of this.#waiting) waiting.refuse(closing());
    await this.#serving;
  }

  async #serve(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      const refused: Taken[] = [];
      for (const waiting of [...this.#waiting]) {
        // What was refused room a moment ago needs no second look, nor does what is as large: most ask for the same.
        if (refused.some((less) => fitsInto(less, waiting.asked))) continue;
        if (!await waiting.try()) refused.push(waiting.asked);
      }
    }
  }

  #enter<T>(
    { asked, client, waitMs, signal, attempt, giveBack }: WaitOptions<T>,
  ): { promise: Promise<T>; waiting: Waiting } {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const sinceMs = this.#clock();
    let late = false;
    const leave = (): boolean => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      return this.#waiting.delete(waiting);
    };
    const refuse = (error: unknown) => {
      if (leave()) reject(error);
    };
    const once = async (): Promise<void> => {
      const wasLate = late;
      try {
        const given = await attempt(() => this.#owed(waiting));
        // Who was given it too late for anyone gives it back; if that fails, it lapses by itself.
        if (!this.#waiting.has(waiting)) return await giveBack(given).catch(() => {});
        this.#countPassed(waiting);
        leave();
        resolve(given);
      } catch (error) {
        if (!isNoRoom(error)) refuse(error);
        else if (wasLate) refuse(new Refusal(409, error.code, waited(error.message, waitMs)));
      }
    };
    const waiting: Waiting = {
      asked,
      client,
      sinceMs,
      passed: 0,
      trying: false,
      refuse,
      try: async () => {
        if (waiting.trying || !this.#waiting.has(waiting)) return true;
        waiting.trying = true;
        do await once(); while (late && this.#waiting.has(waiting));
        waiting.trying = false;
        return !this.#waiting.has(waiting);
      },
    };
    // The last try tells why there is no room, with the figures of now.
    const timer = setTimeout(() => {
      late = true;
      void waiting.try();
    }, waitMs);
    const giveUp = () => refuse(signal?.reason);
    signal?.addEventListener("abort", giveUp, { once: true });
    return { promise, waiting };
  }

  /** What those ask for who came before `waiting`, or at all, and must not be passed any more. */
  #owed(waiting?: Waiting): Taken[] {
    const nowMs = this.#clock();
    return this.#before(waiting)
      .filter(({ passed, sinceMs }) => passed >= maxPassed || nowMs - sinceMs >= maxPassedMs)
      .map(({ asked }) => asked);
  }

  #countPassed(waiting?: Waiting): void {
    for (const each of this.#before(waiting)) each.passed++;
  }

  #before(waiting?: Waiting): Waiting[] {
    const all = [...this.#waiting];
    const at = waiting === undefined ? -1 : all.indexOf(waiting);
    return at < 0 ? all : all.slice(0, at);
  }
}

/** By the memory of each worker, since several nodes may serve: much memory may have room where it is many workers'. */
function fitsInto(less: Taken, more: Taken): boolean {
  return less.workers <= more.workers &&
    less.memoryBytes / less.workers <= more.memoryBytes / more.workers;
}

function isNoRoom(error: unknown): error is Refusal {
  return error instanceof Refusal && (error.code === "full" || error.code === "no-nodes");
}

function waited(message: string, waitMs: number): string {
  return `${message}, after a wait of ${waitMs} ms`;
}

function closing(): Refusal {
  return new Refusal(503, "closing", "Cannot give lease: the resource manager is closing", 1);
}
