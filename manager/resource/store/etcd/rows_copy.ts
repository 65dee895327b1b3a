/**
 * A copy of all rows in etcd. A standby keeps one while another resource manager leads, so that it need not read all of
 * them when it is to lead: with ten thousand, that takes most of a fail-over. It follows etcd's watch, and reads what was
 * written since where there is none: etcd looks at each row for that.
 */
import { deadline, delay } from "../../../../std/async.ts";
import type { Changes, EtcdClient } from "./etcd_client.ts";
import type { Stored } from "./etcd_messages.ts";
import {
  COPY_AGAIN_MS,
  COPY_EVERY_MS,
  COPY_PAUSE_FACTOR,
  LIST_TIMEOUT_MS,
  MAX_COPY_PAUSE_MS,
  WATCH_SILENCE_MS,
  WATCH_WITHIN_MS,
} from "./etcd_policy.ts";

/** What a copy needs of etcd. */
export type CopyClient = Pick<EtcdClient, "changes" | "counts" | "holds" | "keys" | "watch">;

/** What is made of the rows. */
export interface CopyTarget {
  /**
   * Follows one update. If it throws, it is given up.
   *
   * @param changed rows that are new or have another value.
   * @param deleted keys of rows that are gone.
   */
  apply(changed: readonly Stored[], deleted: readonly string[]): void;
}

/** The rows below a prefix at a revision. Only their keys are kept here. */
export class RowsCopy<Target extends CopyTarget> implements Disposable {
  readonly #client: CopyClient;
  readonly #prefix: string;
  readonly #endKey: string;
  readonly #begin: () => Target;
  readonly #endChanged: () => void;
  readonly #ending = new AbortController();
  #keys = new Set<string>();
  #target: Target;
  #revision = 0;
  /** The row that was written last. */
  #newest: Stored | undefined;
  /** The revision of {@linkcode RowsCopy.#endKey}. */
  #endRevision = 0;
  /** Resolves {@linkcode RowsCopy.#reaches}. */
  #reached: (() => void) | undefined;
  #isKept = false;
  #isWatching = false;
  /** Whether the number of rows was that of etcd since the watch has begun. */
  #isCounted = false;

  /**
   * @param prefix the begin of the keys, with a slash at its end.
   * @param endKey the key that is written last, by which the copy is known to be complete.
   * @param begin makes an empty target: the first one, and another where all rows are read again.
   * @param endChanged is called when the end key was written or deleted, also if the copy cannot follow.
   */
  constructor(
    client: CopyClient,
    prefix: string,
    endKey: string,
    begin: () => Target,
    endChanged: () => void = () => {},
  ) {
    this.#client = client;
    this.#prefix = prefix;
    this.#endKey = endKey;
    this.#begin = begin;
    this.#endChanged = endChanged;
    this.#target = begin();
  }

  /** What was made of the rows, as of the last update. */
  get target(): Target {
    return this.#target;
  }

  /** Follows all changes from now on. The second call and later ones have no effect. */
  keep(): void {
    if (this.#isKept) return;
    this.#isKept = true;
    void this.#keep(this.#ending.signal).catch(() => {}); // it has ended
  }

  /** Reads what has changed since the last update. A failure leaves the copy as it was. */
  async update(): Promise<void> {
    await this.#update(undefined, this.#ending.signal);
  }

  /**
   * Makes the copy equal to the rows at the last write of the end key, and ends it: it does not change any more.
   *
   * @param revision that of the write.
   * @throws {EtcdUnreachableError | EtcdRefusedError}
   * @throws what the target throws.
   */
  async endAt(revision: number): Promise<Target> {
    const isComplete = await this.#reaches(revision);
    this[Symbol.dispose](); // from here on, neither the watch nor an update at intervals changes anything
    if (isComplete) return this.#target;
    await this.#update(revision);
    if (this.#revision !== revision) {
      // An update at intervals was faster, or etcd has been restored.
      this.#clear();
      await this.#update(revision);
    }
    return this.#target;
  }

  [Symbol.dispose](): void {
    this.#ending.abort();
  }

  /** Waits until the watch has brought the write of the end key. @returns whether it has, and no row is missing. */
  async #reaches(revision: number): Promise<boolean> {
    if (this.#isWatching && this.#endRevision !== revision) {
      const reached = new Promise<void>((resolve) => this.#reached = resolve);
      await deadline(reached, WATCH_WITHIN_MS).catch(() => {}); // checked below
    }
    if (this.#endRevision !== revision) return false;
    if (this.#isCounted) return true;
    const keys = this.#keys;
    const isComplete = await this.#isComplete(revision);
    if (keys === this.#keys && isComplete) return true;
    this.#clear(); // a change is missing, and nothing shows which one
    return false;
  }

  /** Whether the number of rows is that of etcd. To be called when the copy has this revision. */
  async #isComplete(revision: number): Promise<boolean> {
    const { size } = this.#keys;
    const [count] = await this.#client.counts([this.#prefix], revision, LIST_TIMEOUT_MS);
    return size === count;
  }

  #clear(): void {
    [this.#keys, this.#target] = [new Set(), this.#begin()];
    [this.#revision, this.#endRevision] = [0, 0];
    this.#newest = undefined;
  }

  async #update(at: number | undefined, signal?: AbortSignal): Promise<void> {
    const keys = this.#keys;
    const [after, newest] = [this.#revision, this.#newest];
    // What was read is complete only together with the rows that the copy had then.
    const isOver = (revision: number) =>
      signal?.aborted || keys !== this.#keys || after !== this.#revision || revision <= after;
    const changed = await this.#client.changes(this.#prefix, after, LIST_TIMEOUT_MS, at);
    const { revision, rows } = changed;
    if (revision < after && keys === this.#keys) this.#clear(); // etcd has been restored
    if (isOver(revision)) return;
    // Once a restored etcd has counted to more, only the rows show that the copy is of a lost past.
    const isLost = newest !== undefined && !await this.#client.holds(newest, LIST_TIMEOUT_MS);
    if (isOver(revision)) return;
    if (isLost) {
      this.#clear();
      return await this.#update(at, signal);
    }
    const present = new Set(keys);
    for (const { key } of rows) present.add(key);
    // No row is missing here, so a smaller number shows that rows were deleted.
    const deleted = present.size === changed.count ? [] : await this.#deleted(present, changed);
    if (isOver(revision)) return;
    this.#apply(rows, deleted, revision);
  }

  #apply(rows: readonly Stored[], deleted: readonly string[], revision: number): void {
    const end = rows.find(({ key }) => key === this.#endKey);
    if (end !== undefined || deleted.includes(this.#endKey)) this.#endChanged();
    try {
      this.#target.apply(rows, deleted);
    } catch (error) {
      this.#clear();
      throw error;
    }
    for (const { key } of rows) this.#keys.add(key);
    for (const key of deleted) this.#keys.delete(key);
    this.#revision = revision;
    for (const row of rows) {
      if (row.revision >= (this.#newest?.revision ?? 0)) this.#newest = row;
    }
    if (end === undefined) return;
    this.#endRevision = end.revision;
    this.#reached?.();
  }

  /** The keys that are not in etcd. Events are deleted all the time, so only folders with a smaller number are read. */
  async #deleted(
    present: ReadonlySet<string>,
    { count, revision }: Pick<Changes, "count" | "revision">,
  ): Promise<string[]> {
    const byFolder = Map.groupBy(present, (key) => this.#folderOf(key));
    const folders = [...byFolder.keys()].filter((folder) => folder !== this.#prefix);
    const counts = await this.#client.counts(folders, revision, LIST_TIMEOUT_MS);
    const found: string[] = [];
    for (const [index, folder] of folders.entries()) {
      const keys = byFolder.get(folder)!;
      if (keys.length !== counts[index]) found.push(...await this.#gone(folder, keys, revision));
    }
    if (present.size - found.length === count) return found;
    return await this.#gone(this.#prefix, [...present], revision);
  }

  async #gone(folder: string, keys: readonly string[], revision: number): Promise<string[]> {
    const left = new Set(await this.#client.keys(folder, revision, LIST_TIMEOUT_MS));
    return keys.filter((key) => !left.has(key));
  }

  /** The part of a key up to the slash after the prefix; the prefix, if it has none. */
  #folderOf(key: string): string {
    return key.slice(0, key.indexOf("/", this.#prefix.length) + 1) || this.#prefix;
  }

  async #keep(signal: AbortSignal): Promise<void> {
    for (;;) {
      const sinceMs = performance.now();
      const isRead = await this.update().then(() => true, () => false); // the next one reads more
      const readMs = performance.now();
      const nextMs = Math.max(
        sinceMs + (isRead ? COPY_EVERY_MS : COPY_AGAIN_MS),
        readMs + Math.min(COPY_PAUSE_FACTOR * (readMs - sinceMs), MAX_COPY_PAUSE_MS),
      );
      if (this.#revision > 0) await this.#watch(signal).catch(() => {}); // the next update reads what it has missed
      // At once after a watch of some time: it had a member that has failed, as the leader may have.
      await delay(Math.max(0, nextMs - performance.now()), { signal });
    }
  }

  /** Follows the changes after the copy's revision, until the watch ends. */
  async #watch(signal: AbortSignal): Promise<void> {
    const keys = this.#keys;
    const cut = new AbortController();
    const ending = AbortSignal.any([signal, cut.signal]);
    const changes = this.#client.watch(this.#prefix, this.#revision, WATCH_SILENCE_MS, ending);
    let isFirst = true;
    this.#isWatching = true;
    try {
      for await (const { rows, deleted, revision } of changes) {
        if (keys !== this.#keys || ending.aborted) return;
        if (revision <= this.#revision) continue;
        this.#apply(rows, deleted, revision);
        if (isFirst) void this.#count(revision, cut).catch(() => {}); // the copy is counted at its end
        isFirst = false;
      }
    } finally {
      cut.abort();
      [this.#isWatching, this.#isCounted] = [false, false];
      this.#reached?.();
    }
  }

  /**
   * Compares the number of rows once a watch has begun: changes may be missing between what was read and its begin, and
   * none that come after it. etcd looks at each row, so this must not wait until the copy is needed.
   *
   * @param watch ends the watch.
   */
  async #count(revision: number, watch: AbortController): Promise<void> {
    const keys = this.#keys;
    const isComplete = await this.#isComplete(revision);
    if (watch.signal.aborted || keys !== this.#keys) return;
    if (isComplete) {
      this.#isCounted = true;
    } else {
      this.#clear();
      watch.abort();
    }
  }
}
