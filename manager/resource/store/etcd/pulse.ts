/** Shows the standbys that the leader runs, and the leader that it still leads. */
import type { EtcdClient } from "./etcd_client.ts";
import { PULSE_EVERY_MS, PULSE_TIMEOUT_MS, PULSE_VALID_MS, RETRY_AFTER_MS } from "./etcd_policy.ts";
import { batchText, type HeldTerm, type OwnKeys, type TermRow } from "./term.ts";

/** The writes of a leader at short intervals. */
export class Pulse implements AsyncDisposable {
  readonly #client: Pick<EtcdClient, "transact">;
  readonly #keys: OwnKeys;
  readonly #term: HeldTerm;
  readonly #lost: (term: TermRow | undefined) => void;
  readonly #stop = Promise.withResolvers<void>();
  readonly #running: Promise<void>;
  #isStopped = false;
  #validUntilMs: number;

  /**
   * @param lost is called once if another manager has taken the term.
   */
  constructor(
    client: Pick<EtcdClient, "transact">,
    keys: OwnKeys,
    term: HeldTerm,
    lost: (term: TermRow | undefined) => void,
  ) {
    this.#client = client;
    this.#keys = keys;
    this.#term = term;
    this.#validUntilMs = term.sentMs + PULSE_VALID_MS;
    this.#lost = lost;
    this.#running = this.#run();
  }

  /** Whether no other manager can lead at this moment. */
  get isValid(): boolean {
    return performance.now() < this.#validUntilMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#stop.resolve();
    await this.#running;
  }

  async #run(): Promise<void> {
    // The transaction that took the term was the first one.
    let waitMs: number | undefined = this.#nextMs(this.#term.sentMs);
    for (let count = 1; waitMs !== undefined; count++) {
      let timer: ReturnType<typeof setTimeout>;
      const waited = new Promise<void>((resolve) => timer = setTimeout(resolve, waitMs));
      await Promise.race([waited, this.#stop.promise]);
      clearTimeout(timer!);
      if (this.#isStopped) return;
      waitMs = await this.#beat(count);
    }
  }

  /** The time until the next one. */
  #nextMs(sentMs: number): number {
    return Math.max(0, PULSE_EVERY_MS - (performance.now() - sentMs));
  }

  /** @returns the time until the next one; undefined if the term is lost. */
  async #beat(count: number): Promise<number | undefined> {
    const { row, revision, clock } = this.#term;
    const sentMs = performance.now();
    const value = batchText(row.number, count, clock() + PULSE_VALID_MS);
    try {
      const { done, found } = await this.#client.transact(
        [{ key: this.#keys.term, revision }],
        [{ key: this.#keys.pulse, value }],
        [this.#keys.term],
        PULSE_TIMEOUT_MS,
      );
      if (done) {
        this.#validUntilMs = sentMs + PULSE_VALID_MS;
        return this.#nextMs(sentMs);
      }
      this.#validUntilMs = 0;
      this.#lost(found[0] && JSON.parse(found[0].value) as TermRow);
      return undefined;
    } catch {
      return RETRY_AFTER_MS; // the commits report an etcd that does not respond
    }
  }
}
