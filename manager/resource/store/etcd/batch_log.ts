/** The transactions of a leader: each one is conditional on the batch before it, and so on the term. */
import { delay } from "../../../../std/async.ts";
import { NotLeaderError, OutcomeUnknownError } from "../store_errors.ts";
import type { EtcdClient, Write } from "./etcd_client.ts";
import { EtcdRefusedError, EtcdUnreachableError } from "./etcd_errors.ts";
import { MAX_CHARACTERS, MAX_WRITES, RETRY_AFTER_MS, WRITE_TIMEOUT_MS } from "./etcd_policy.ts";
import { batchText, type HeldTerm, type OwnKeys, type TermRow } from "./term.ts";

/** The keys of a change that does not fit one transaction. */
export interface JournalKeys {
  /** The number of parts; missing: there is no such change. */
  readonly journal: string;
  /** The begin of the keys of the parts. */
  readonly parts: string;
}

/** The state in which the writes of a change are complete in etcd, but not all in their places. */
export class UnappliedError extends OutcomeUnknownError {
  override name = "UnappliedError";
}

/** Commits batches, one after the other. */
export class BatchLog {
  readonly #client: EtcdClient;
  readonly #keys: OwnKeys & JournalKeys;
  readonly #term: HeldTerm;
  readonly #signal: AbortSignal;
  readonly #delayed: () => void;
  #batch: string;
  #count: number;

  /**
   * @param signal ends the attempts of a commit.
   * @param delayed is called after each attempt without a response.
   */
  constructor(
    client: EtcdClient,
    keys: OwnKeys & JournalKeys,
    term: HeldTerm,
    signal: AbortSignal,
    delayed: () => void,
  ) {
    this.#client = client;
    this.#keys = keys;
    this.#term = term;
    this.#signal = signal;
    this.#delayed = delayed;
    this.#batch = term.batch;
    this.#count = Number(term.batch.split(".")[1]);
  }

  /**
   * Makes all writes or none, also if they do not fit one transaction of etcd: then they are stored as a journal first,
   * which the next leader completes if this one ends.
   *
   * @throws {NotLeaderError} if another manager leads; nothing was written.
   * @throws {OutcomeUnknownError} if the signal ended the attempts, or two managers have led since.
   * @throws {EtcdRefusedError} if etcd refused; nothing was written.
   */
  async commit(writes: readonly Write[]): Promise<void> {
    if (fits(writes)) return await this.#commit(writes);
    const parts = split(writes).map((part) => JSON.stringify(part));
    for (const [at, value] of parts.entries()) {
      await this.#commit([{ key: `${this.#keys.parts}${at}`, value }]);
    }
    await this.#commit([{ key: this.#keys.journal, value: `${parts.length}` }]);
    await this.apply(writes, parts.length);
  }

  /** Puts the writes of a journal into their places, and deletes it. May be repeated. */
  async apply(writes: readonly Write[], parts: number): Promise<void> {
    try {
      for (const part of split(writes)) await this.#commit(part);
      await this.#commit([{ key: this.#keys.journal, value: undefined }]);
      const keys = Array.from({ length: parts }, (_, at) => `${this.#keys.parts}${at}`);
      for (const part of split(keys.map((key) => ({ key, value: undefined })))) {
        await this.#commit(part);
      }
    } catch (cause) {
      const state = cause instanceof Error ? cause.message : String(cause);
      throw new UnappliedError(`Cannot complete a change of many rows: ${state}`, { cause });
    }
  }

  /** Sends a batch until its outcome is known. */
  async #commit(writes: readonly Write[]): Promise<void> {
    const { client, keys, signal } = {
      client: this.#client,
      keys: this.#keys,
      signal: this.#signal,
    };
    const { row, clock } = this.#term;
    const next = batchText(row.number, this.#count + 1, clock());
    let mayBeDone = false;
    for (;;) {
      try {
        const { done, found } = await client.transact(
          [{ key: keys.batch, value: this.#batch }],
          [...writes, { key: keys.batch, value: next }],
          [keys.term, keys.batch],
          WRITE_TIMEOUT_MS,
        );
        // In the second case an earlier copy was applied, and only its response was lost.
        if (done || found[1]?.value === next) break;
        const term = found[0] && JSON.parse(found[0].value) as TermRow;
        if (term?.before === next && term.number === row.number + 1) break;
        throw this.#refusal(term, mayBeDone);
      } catch (error) {
        if (error instanceof EtcdRefusedError) {
          if (!error.isTemporary && !mayBeDone) throw error;
        } else if (!(error instanceof EtcdUnreachableError)) throw error;
        mayBeDone = true;
      }
      this.#delayed();
      try {
        await delay(RETRY_AFTER_MS, { signal });
      } catch (cause) {
        throw new OutcomeUnknownError("Cannot confirm change: etcd does not respond", { cause });
      }
    }
    this.#batch = next;
    this.#count++;
  }

  #refusal(term: TermRow | undefined, mayBeDone: boolean): Error {
    const leader = term?.url ?? undefined;
    const isNext = term?.number === this.#term.row.number + 1;
    if (isNext || !mayBeDone) return new NotLeaderError(leader);
    return new OutcomeUnknownError("Cannot confirm change: two other resource managers led since");
  }
}

function fits(writes: readonly Write[]): boolean {
  return writes.length <= MAX_WRITES && lengthOf(writes) <= MAX_CHARACTERS;
}

/** Parts that each fit a transaction, with their JSON. */
function split(writes: readonly Write[]): Write[][] {
  const parts: Write[][] = [];
  let length = Infinity;
  for (const write of writes) {
    length += lengthOf([write]);
    if (parts.at(-1)?.length === MAX_WRITES || length > MAX_CHARACTERS / 2) {
      parts.push([]);
      length = lengthOf([write]);
    }
    parts.at(-1)!.push(write);
  }
  return parts;
}

function lengthOf(writes: readonly Write[]): number {
  return writes.reduce((sum, { key, value = "" }) => sum + key.length + value.length, 0);
}
