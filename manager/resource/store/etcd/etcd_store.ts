/**
 * The store on etcd. The leader has all rows in memory and runs the changes there; etcd gets the rows that they wrote, in
 * one transaction for all changes that were requested meanwhile.
 */
import { clearImmediate, setImmediate } from "node:timers";
import { deadline } from "../../../../std/async.ts";
import { StateUnavailableError } from "../../../state_dir.ts";
import { Succession } from "../../succession.ts";
import type { SharedStore, Store, Transaction } from "../store.ts";
import { NotLeaderError, OutcomeUnknownError, StoreUnreachableError } from "../store_errors.ts";
import { Compaction } from "./compaction.ts";
import { BatchLog, type JournalKeys } from "./batch_log.ts";
import { CopiedTables, type WrittenRow } from "./copied_tables.ts";
import { EtcdClient, type Write } from "./etcd_client.ts";
import { EtcdRefusedError } from "./etcd_errors.ts";
import type { EtcdConnection } from "./etcd_gateway.ts";
import type { Stored } from "./etcd_messages.ts";
import {
  ARCHIVE_EVERY_MS,
  BILLS_PER_ARCHIVE,
  CHANGE_TIMEOUT_MS,
  CLOSE_TIMEOUT_MS,
  FULL_GROUP_ROWS,
  MAX_GROUP,
  WRITE_TIMEOUT_MS,
} from "./etcd_policy.ts";
import { EtcdRows } from "./etcd_rows.ts";
import { checkFormat, checkSeal, FORMAT, fromAnyMember, laterFormats } from "./opening_checks.ts";
import { Pulse } from "./pulse.ts";
import { RowsCopy } from "./rows_copy.ts";
import type { Seal } from "./seal.ts";
import { type Candidacy, type HeldTerm, type OwnKeys, takeTerm } from "./term.ts";

/** What a store on etcd needs. */
export interface EtcdStoreOptions
  extends Partial<Pick<Candidacy, "signal" | "url" | "observed" | "ended" | "taken">> {
  readonly connection: EtcdConnection;
  /** The begin of all keys, without a slash at its end. */
  readonly prefix: string;
  readonly seal: Seal;
}

/** A change that waits for its turn. */
interface Waiting {
  /** Makes the change. Returns a function that resolves its promise, to be called once the change is in etcd. */
  readonly run: () => () => void;
  readonly reject: (error: unknown) => void;
  readonly sinceMs: number;
}

/** A text that opens with the right key only. */
const CHECK = "rfaas";

type Keys = OwnKeys & JournalKeys & { readonly check: string };

/** A {@linkcode Store} for one term: it refuses all changes once another resource manager leads. */
export class EtcdStore implements Store {
  readonly shared: SharedStore;
  readonly #client: EtcdClient;
  readonly #keys: Keys;
  readonly #term: HeldTerm;
  readonly #log: BatchLog;
  readonly #pulse: Pulse;
  readonly #compaction: Compaction;
  readonly #rows: EtcdRows;
  /** All rows, once they are loaded. */
  #tables: CopiedTables;
  #archiving: ReturnType<typeof setInterval> | undefined;
  readonly #cut = new AbortController();
  readonly #ended = Promise.withResolvers<Error>();
  /** The reason why no change is made any more. */
  #end: Error | undefined;
  #waiting: Waiting[] = [];
  /** The changes whose writes are on their way to etcd. */
  #group: readonly Waiting[] = [];
  #turn: ReturnType<typeof setImmediate> | undefined;
  #isCommitting = false;
  #idle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    client: EtcdClient,
    keys: Keys,
    term: HeldTerm,
    rows: EtcdRows,
    tables: CopiedTables,
  ) {
    this.#client = client;
    this.#keys = keys;
    this.#term = term;
    this.#rows = rows;
    this.#tables = tables;
    this.#log = new BatchLog(client, keys, term, this.#cut.signal, () => this.#rejectLate());
    this.#pulse = new Pulse(client, keys, term, (next) => {
      this.#stop(new NotLeaderError(next?.url ?? undefined));
    });
    this.#compaction = new Compaction(client);
    const leads = () => this.#end === undefined && this.#pulse.isValid;
    const { clock, row: { sinceMs } } = term;
    this.shared = { clock, sinceMs, leads, ended: this.#ended.promise };
  }

  /**
   * Waits until no other resource manager leads, takes the term and loads all rows.
   *
   * @throws {StateUnavailableError} if etcd does not respond, refuses, or has secrets of another key.
   */
  static async open(options: EtcdStoreOptions): Promise<EtcdStore> {
    const { connection, prefix, seal, signal = new AbortController().signal } = options;
    using opening = new DisposableStack();
    const client = opening.use(new EtcdClient(connection));
    const base = `${prefix}/${FORMAT}/`;
    const keys: Keys = {
      term: `${base}term`,
      pulse: `${base}pulse`,
      batch: `${base}batch`,
      journal: `${base}journal`,
      parts: `${base}j/`,
      check: `${base}check`,
    };
    await checkSeal(client, keys.check, seal);
    const rows = new EtcdRows(base, seal);
    const succession = new Succession();
    const begin = () => new CopiedTables(rows);
    using copy = new RowsCopy(client, base, keys.term, begin, () => succession.changed());
    const observed: Candidacy["observed"] = (leader) => {
      copy.keep();
      options.observed?.(leader);
    };
    const later = laterFormats(prefix);
    const term = await takeTerm({
      ...{ ...options, client, keys, later },
      ...{ signal, succession, observed },
    });
    options.taken?.();
    const store = new EtcdStore(client, keys, term, rows, copy.target);
    opening.move();
    try {
      signal.throwIfAborted(); // while it took the term
      const [tables] = await Promise.all([
        fromAnyMember(client, () => copy.endAt(term.revision)),
        checkFormat(client, prefix, term),
      ]);
      await store.#load(tables, seal);
      store.#archiveAtIntervals();
      return store;
    } catch (error) {
      await store.close();
      if (error instanceof StateUnavailableError || error instanceof NotLeaderError) throw error;
      const state = error instanceof Error ? error.message : String(error);
      throw new StateUnavailableError(`Cannot open state: ${state}`, { cause: error });
    }
  }

  transact<T>(change: (tx: Transaction) => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (this.#end !== undefined) {
      reject(this.#end);
      return promise;
    }
    this.#waiting.push({
      run: () => {
        const result = change(this.#tables.tx);
        return () => resolve(result);
      },
      reject,
      sinceMs: performance.now(),
    });
    this.#wake();
    return promise;
  }

  /** Not before all rows are loaded: a bill would be moved whose lease is still to come. */
  #archiveAtIntervals(): void {
    const archive = () => void this.archiveBills().catch(() => {}); // it costs space until the next interval
    this.#archiving = setInterval(archive, ARCHIVE_EVERY_MS);
  }

  /** Moves bills whose leases are forgotten to archives, which take a fifth of the space and few keys. */
  async archiveBills(): Promise<void> {
    while (await this.transact(() => this.#tables.tx.archiveBills(BILLS_PER_ARCHIVE)));
  }

  /** Commits the changes that were requested earlier, and ends the term, so that a standby need not wait. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    const idle = new Promise<void>((resolve) => this.#idle = resolve);
    this.#end ??= new NotLeaderError(undefined, "the store is closed");
    this.#wake();
    await deadline(idle, CLOSE_TIMEOUT_MS).catch(() => this.#cut.abort());
    this.#compaction[Symbol.dispose]();
    clearInterval(this.#archiving);
    await Promise.all([this.#endTerm(), this.#pulse[Symbol.asyncDispose]()]);
    this.#client[Symbol.dispose]();
    this.#ended.resolve(this.#end);
  }

  /** Another manager need not wait for the end of the pulse then. */
  async #endTerm(): Promise<void> {
    const { row, revision } = this.#term;
    const value = JSON.stringify({ ...row, isOver: true });
    const { term } = this.#keys;
    await this.#client.transact(
      [{ key: term, revision }],
      [{ key: term, value }],
      [],
      WRITE_TIMEOUT_MS,
    )
      .catch(() => {}); // a standby waits longer
  }

  /** Adds the journal of the leader before: a change of many rows of which the last ones may not be in their places. */
  async #load(tables: CopiedTables, seal: Seal): Promise<void> {
    const { journal, parts, check } = this.#keys;
    const count = Number(tables.other(journal) ?? 0);
    const writes: Write[] = [];
    for (let at = 0; at < count; at++) {
      writes.push(...JSON.parse(tables.other(`${parts}${at}`)!) as Write[]);
    }
    const [deleted, changed] = [[], []] as [string[], Stored[]];
    for (const { key, value } of writes) {
      if (value === undefined) deleted.push(key);
      else changed.push({ key, value, revision: 0 });
    }
    tables.apply(changed, deleted);
    this.#tables = tables;
    const sealed = tables.other(check);
    if (sealed !== undefined) seal.open(sealed, check);
    else await this.#log.commit([{ key: check, value: seal.close(CHECK, check) }]);
    if (count > 0) await this.#log.apply(writes, count);
  }

  #wake(): void {
    if (this.#isCommitting || this.#turn !== undefined) return;
    this.#turn = setImmediate(() => void this.#commitWaiting());
  }

  async #commitWaiting(): Promise<void> {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    if (this.#waiting.length === 0) return this.#idle?.();
    this.#isCommitting = true;
    const answers: (() => void)[] = [];
    const changed = new Map<string, WrittenRow>();
    const group: Waiting[] = [];
    while (group.length < MAX_GROUP && changed.size < FULL_GROUP_ROWS) {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) break;
      group.push(waiting);
      answers.push(this.#make(waiting, changed));
    }
    this.#group = group;
    try {
      // Without a valid pulse, only a transaction shows that what was read is the newest state.
      if (changed.size > 0 || !this.#pulse.isValid) {
        const writes = [...changed.values()].map(([table, key]) =>
          this.#rows.write(this.#tables.tx, table, key)
        );
        await this.#log.commit(writes);
      }
      this.#tables.undo.forget();
      for (const answer of answers) answer();
    } catch (error) {
      this.#tables.undo.rollBack(0);
      this.#tables.written.clear();
      this.#fail(group, error);
    }
    this.#group = [];
    this.#isCommitting = false;
    this.#wake();
  }

  /** Makes one change of the group. If it throws, undoes its writes. */
  #make({ run, reject }: Waiting, changed: Map<string, WrittenRow>): () => void {
    const mark = this.#tables.undo.mark();
    try {
      const answer = run();
      for (const [key, row] of this.#tables.written) changed.set(key, row);
      return answer;
    } catch (error) {
      this.#tables.undo.rollBack(mark);
      return () => reject(error);
    } finally {
      this.#tables.written.clear();
    }
  }

  #fail(group: readonly Waiting[], error: unknown): void {
    const { message } = error instanceof Error ? error : new Error(String(error));
    if (error instanceof EtcdRefusedError) {
      const refused = new StoreUnreachableError(`Cannot change rows: ${message}`, { cause: error });
      for (const { reject } of group) reject(refused);
      return;
    }
    for (const { reject } of group) reject(error);
    this.#stop(error instanceof Error ? error : new Error(message));
  }

  /** Rejects the changes that have waited for too long. The writes of the first ones may be in etcd. */
  #rejectLate(): void {
    const beforeMs = performance.now() - CHANGE_TIMEOUT_MS;
    for (const { reject, sinceMs } of this.#group) {
      if (sinceMs > beforeMs) continue;
      reject(
        new OutcomeUnknownError(`Cannot confirm change: no response from ${this.#client.name}`),
      );
    }
    const late = this.#waiting.filter(({ sinceMs }) => sinceMs <= beforeMs);
    this.#waiting = this.#waiting.filter(({ sinceMs }) => sinceMs > beforeMs);
    for (const { reject } of late) {
      reject(
        new StoreUnreachableError(`Cannot change rows: no response from ${this.#client.name}`),
      );
    }
  }

  /** Refuses all changes from now on. */
  #stop(reason: Error): void {
    this.#end ??= reason;
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
    this.#ended.resolve(reason);
    this.#wake();
  }
}
