/** A resource manager that shares its store with others: it stands by until it may lead, and again once it was replaced. */
import { delay } from "../../std/async.ts";
import type { Logger } from "../log.ts";
import type { Handler } from "../http/http_server.ts";
import type { Leadership } from "./leadership.ts";
import type { Standby } from "./standby.ts";
import { refusalOfStore } from "./store_refusal.ts";
import type { Candidacy } from "./store/etcd/term.ts";
import type { Store } from "./store/store.ts";
import { NotLeaderError } from "./store/store_errors.ts";

/** What a candidate needs. */
export interface CandidateOptions {
  /** Opens the store, which takes until no other resource manager leads. */
  readonly open: (
    candidacy: Pick<Candidacy, "signal" | "observed" | "ended" | "taken">,
  ) => Promise<Store>;
  /** Opens the books over the store. */
  readonly begin: (store: Store) => Promise<Leadership>;
  /** Responds to requests meanwhile. */
  readonly standby: Standby;
  readonly log: Logger;
}

/** The pause after a store that cannot be opened. */
const RETRY_MS = 1000;

/** Leads whenever it may. */
export class Candidate implements AsyncDisposable {
  readonly #options: CandidateOptions;
  readonly #closing = new AbortController();
  readonly #settled = Promise.withResolvers<void>();
  readonly #running: Promise<void>;
  #leadership: Leadership | undefined;

  private constructor(options: CandidateOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /**
   * Begins. Resolves when it leads or stands by.
   *
   * @throws {StateUnavailableError} if the store cannot be opened.
   */
  static async begin(options: CandidateOptions): Promise<Candidate> {
    const candidate = new Candidate(options);
    try {
      await candidate.#settled.promise;
      return candidate;
    } catch (error) {
      await candidate[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Present while it leads. */
  get leadership(): Leadership | undefined {
    return this.#leadership;
  }

  /** Responds to a request. */
  readonly handler: Handler = (request) =>
    this.#leadership?.handler(request) ?? this.#options.standby.handler(request);

  /** Ends the leadership, so that another one begins at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#options.standby.end();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const { log } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#lead(signal);
      } catch (error) {
        if (signal.aborted) return;
        log.error("Cannot lead: {error}", { error });
        // Another candidate was faster, which is no reason to end a start.
        if (error instanceof NotLeaderError) continue;
        // Nor is an etcd that does not respond for some seconds: the next attempt waits for it.
        if (refusalOfStore(error) === undefined) this.#settled.reject(error);
        await delay(RETRY_MS, { signal }).catch(() => {}); // the signal ends the loop
      }
    }
  }

  /** Stands by, then leads until another one does, or until the close. */
  async #lead(signal: AbortSignal): Promise<void> {
    const { open, begin, standby, log } = this.#options;
    const store = await open({
      signal,
      observed: (row) => {
        if (!standby.observe(row)) return;
        log.info("Stands by: {leader} leads", { leader: standby.leader });
        this.#settled.resolve();
      },
      ended: () => standby.ended(),
      taken: () => standby.prepare(),
    });
    try {
      await using leadership = await begin(store);
      this.#leadership = leadership;
      leadership.begun();
      standby.lead(leadership.handler);
      log.info("Leads");
      this.#settled.resolve();
      const closing = new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      const reason = await Promise.race([store.shared?.ended, closing]);
      if (reason === undefined) await leadership.settle();
      this.#leadership = undefined;
      standby.resign();
      if (reason !== undefined) log.error("Leads no longer: {error}", { error: reason });
    } finally {
      await store.close();
    }
  }
}
