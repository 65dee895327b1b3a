/**
 * Requests to etcd by its gateway for JSON over HTTP, of etcd 3.4 and later. A library for gRPC would add a megabyte of
 * code for the few requests that a store needs.
 */
import { EtcdRefusedError } from "./etcd_errors.ts";
import { type EtcdConnection, EtcdGateway } from "./etcd_gateway.ts";
import {
  checkRange,
  checkStatus,
  checkTxn,
  checkWatch,
  encodeText,
  type MemberStatus,
  type Range,
  type Stored,
  type WatchMessage,
} from "./etcd_messages.ts";
import { SeenVersions } from "./seen_versions.ts";

/** A condition of a transaction: the revision of a key's last write (0: it does not exist), or its value. */
export type Condition =
  | { readonly key: string; readonly revision: number }
  | { readonly key: string; readonly value: string };

/** A write: a key with its new value; undefined deletes it. */
export interface Write {
  readonly key: string;
  readonly value: string | undefined;
}

/** What a transaction did. */
export interface Outcome {
  readonly done: boolean;
  readonly revision: number;
  /** If it was not done, the rows that were to be read then, in the order of their keys in the request. */
  readonly found: readonly (Stored | undefined)[];
  /** If it was done, the first key of the range that was to be looked at; undefined if it has none. */
  readonly first?: string | undefined;
}

/** The keys from one to another, which is not a part of them. */
export interface KeyRange {
  readonly from: string;
  readonly to: string;
}

/** The rows that have changed. */
export interface Changes {
  readonly rows: readonly Stored[];
  /** The number of all rows, changed or not. */
  readonly count: number;
  /** The revision at which they were read. */
  readonly revision: number;
}

/** The rows of one response when all rows with a prefix are read. */
const PAGE_ROWS = 2000;

/** A client of one etcd cluster. */
export class EtcdClient implements Disposable {
  readonly #gateway: EtcdGateway;

  constructor(connection: EtcdConnection) {
    this.#gateway = new EtcdGateway(connection);
  }

  /** The members, for messages. */
  get name(): string {
    return this.#gateway.name;
  }

  /** The number of members. */
  get size(): number {
    return this.#gateway.size;
  }

  /** The values of some keys at one revision. */
  async read(keys: readonly string[], timeoutMs: number): Promise<readonly (Stored | undefined)[]> {
    const success = keys.map(readOf);
    const { found } = checkTxn(await this.#gateway.post("kv/txn", { success }, timeoutMs));
    return found;
  }

  /**
   * All rows whose keys begin with a prefix that ends with a slash, and that were written after a revision.
   *
   * @param after the revision; 0 for all rows.
   * @param at the revision at which they are read. @default the newest
   */
  async changes(prefix: string, after: number, timeoutMs: number, at?: number): Promise<Changes> {
    const since = after === 0 ? {} : { min_mod_revision: after + 1 };
    let first: Range | undefined;
    const rows: Stored[] = [];
    for await (const page of this.#pages(prefix, since, at, timeoutMs)) {
      first ??= page;
      rows.push(...page.rows);
    }
    return { rows, count: first!.count, revision: at ?? first!.revision };
  }

  /**
   * Follows the rows whose keys begin with a prefix that ends with a slash, until the signal ends it. Each message has
   * whole revisions, and later ones than the message before.
   *
   * @param after the revision before the first change.
   * @param silenceMs the longest time to the first message, and between two.
   * @throws {EtcdUnreachableError} if the member ends the watch, sends no message in time, or skips changes.
   * @throws {EtcdRefusedError}
   */
  async *watch(
    prefix: string,
    after: number,
    silenceMs: number,
    signal: AbortSignal,
  ): AsyncGenerator<WatchMessage> {
    const create_request = { ...rangeOf(prefix), start_revision: after + 1 };
    const seen = new SeenVersions();
    const read = (message: unknown) => checkWatch(message, seen);
    yield* this.#gateway.follow("watch", { create_request }, read, silenceMs, signal);
  }

  /** The keys that begin with a prefix that ends with a slash, at a revision. */
  async keys(prefix: string, revision: number, timeoutMs: number): Promise<string[]> {
    const found: string[] = [];
    for await (const page of this.#pages(prefix, { keys_only: true }, revision, timeoutMs)) {
      found.push(...page.rows.map(({ key }) => key));
    }
    return found;
  }

  /** The number of keys that begin with each prefix, which ends with a slash, at a revision. */
  async counts(
    prefixes: readonly string[],
    revision: number,
    timeoutMs: number,
  ): Promise<readonly number[]> {
    const success = prefixes.map((prefix) => ({
      request_range: { ...rangeOf(prefix), count_only: true, revision },
    }));
    return checkTxn(await this.#gateway.post("kv/txn", { success }, timeoutMs)).counts;
  }

  /** Whether a row was written as it is, at its revision. Also false if etcd does not have the revision any more. */
  async holds({ key, value, revision }: Stored, timeoutMs: number): Promise<boolean> {
    const success = [{ request_range: { key: encodeText(key), revision } }];
    try {
      const { found: [row] } = checkTxn(await this.#gateway.post("kv/txn", { success }, timeoutMs));
      return row?.revision === revision && row.value === value;
    } catch (error) {
      if (error instanceof EtcdRefusedError && error.isRevision) return false;
      throw error;
    }
  }

  /** The pages of a range, in the order of the keys, all at the revision of the first one. */
  async *#pages(
    prefix: string,
    what: { readonly min_mod_revision?: number; readonly keys_only?: true },
    at: number | undefined,
    timeoutMs: number,
  ): AsyncGenerator<Range> {
    const { range_end } = rangeOf(prefix);
    let [key, revision] = [prefix, at];
    for (;;) {
      const request = {
        ...what,
        key: encodeText(key),
        range_end,
        limit: PAGE_ROWS,
        ...(revision === undefined ? {} : { revision }),
      };
      const page = checkRange(await this.#gateway.post("kv/range", request, timeoutMs));
      yield page;
      if (!page.more) return;
      key = `${page.rows.at(-1)!.key}\0`;
      revision ??= page.revision;
    }
  }

  /** The first key of a range; undefined if it has none. */
  async firstKey(range: KeyRange, timeoutMs: number): Promise<string | undefined> {
    return checkRange(await this.#gateway.post("kv/range", firstOf(range), timeoutMs)).rows[0]?.key;
  }

  /**
   * Makes all writes if all conditions hold; otherwise reads some keys. Both at one revision.
   *
   * @param range is looked at after the writes.
   */
  async transact(
    conditions: readonly Condition[],
    writes: readonly Write[],
    otherwise: readonly string[],
    timeoutMs: number,
    range?: KeyRange,
  ): Promise<Outcome> {
    const request = {
      compare: conditions.map((condition) => ({
        key: encodeText(condition.key),
        result: "EQUAL",
        ...("value" in condition
          ? { target: "VALUE", value: encodeText(condition.value) }
          : { target: "MOD", mod_revision: condition.revision }),
      })),
      success: [
        ...writes.map(({ key, value }) =>
          value === undefined
            ? { request_delete_range: { key: encodeText(key) } }
            : { request_put: { key: encodeText(key), value: encodeText(value) } }
        ),
        ...(range === undefined ? [] : [{ request_range: firstOf(range) }]),
      ],
      failure: otherwise.map(readOf),
    };
    const { done, revision, found } = checkTxn(
      await this.#gateway.post("kv/txn", request, timeoutMs),
    );
    return done ? { done, revision, found: [], first: found[0]?.key } : { done, revision, found };
  }

  /** The state of the current member. */
  async status(timeoutMs: number): Promise<MemberStatus> {
    return checkStatus(await this.#gateway.post("maintenance/status", {}, timeoutMs));
  }

  /** The newest revision. */
  async revision(timeoutMs: number): Promise<number> {
    return checkTxn(await this.#gateway.post("kv/txn", {}, timeoutMs)).revision;
  }

  /** Drops versions before a revision that are not the newest of their keys. */
  async compact(revision: number, timeoutMs: number): Promise<void> {
    await this.#gateway.post("kv/compaction", { revision }, timeoutMs);
  }

  /** Ends all requests. */
  [Symbol.dispose](): void {
    this.#gateway[Symbol.dispose]();
  }
}

/** All keys with a prefix that ends with a slash: 0 is the next character. */
function rangeOf(prefix: string) {
  return { key: encodeText(prefix), range_end: encodeText(prefix.replace(/\/$/, "0")) };
}

function firstOf({ from, to }: KeyRange) {
  return { key: encodeText(from), range_end: encodeText(to), limit: 1, keys_only: true };
}

function readOf(key: string) {
  return { request_range: { key: encodeText(key) } };
}
