/**
 * A copy of all rows in etcd. A standby keeps one while another resource manager leads, so that it need not read all of
 * them when it is to lead: with ten thousand, that takes most of a fail-over.
 */
import { delay } from "../../../../std/async.ts";
import type { Changes, EtcdClient } from "./etcd_client.ts";
import type { Stored } from "./etcd_messages.ts";
import { COPY_EVERY_MS, COPY_PAUSE_FACTOR, LIST_TIMEOUT_MS } from "./etcd_policy.ts";

/** The rows below a prefix at a revision. */
export class RowsCopy {
  readonly #client: Pick<EtcdClient, "changes" | "counts" | "keys">;
  readonly #prefix: string;
  #rows = new Map<string, Stored>();
  #revision = 0;
  #isKept = false;

  /** @param prefix the begin of the keys, with a slash at its end. */
  constructor(client: Pick<EtcdClient, "changes" | "counts" | "keys">, prefix: string) {
    this.#client = client;
    this.#prefix = prefix;
  }

  /** The rows by their keys, as of the last update. */
  get rows(): ReadonlyMap<string, Stored> {
    return this.#rows;
  }

  /** Updates the copy at intervals from now on. The second call and later ones have no effect. */
  keep(signal: AbortSignal): void {
    if (this.#isKept) return;
    this.#isKept = true;
    void this.#keep(signal).catch(() => {}); // the signal's reason
  }

  /** Reads what has changed since the last update. A failure leaves the copy as it was. */
  async update(): Promise<void> {
    await this.#update(undefined);
  }

  /**
   * Makes the copy equal to the rows at a revision.
   *
   * @throws {EtcdUnreachableError | EtcdRefusedError}
   */
  async moveTo(revision: number): Promise<void> {
    await this.#update(revision);
    if (this.#revision === revision) return;
    // An update at intervals was faster, or etcd has been restored and has counted to less than before.
    [this.#rows, this.#revision] = [new Map(), 0];
    await this.#update(revision);
  }

  async #update(at: number | undefined): Promise<void> {
    const rows = this.#rows;
    const isOver = (revision: number) => rows !== this.#rows || revision <= this.#revision;
    const after = this.#revision;
    const changed = await this.#client.changes(this.#prefix, after, LIST_TIMEOUT_MS, at);
    const { revision } = changed;
    // A restored etcd has counted to less. Once it has counted to more, nothing would show that the copy is of lost rows.
    if (revision < after && rows === this.#rows) [this.#rows, this.#revision] = [new Map(), 0];
    if (isOver(revision)) return;
    const present = new Set(rows.keys());
    for (const { key } of changed.rows) present.add(key);
    // No row is missing here, so a smaller number shows that rows were deleted.
    const deleted = present.size === changed.count ? [] : await this.#deleted(present, changed);
    if (isOver(revision)) return;
    for (const row of changed.rows) rows.set(row.key, row);
    for (const key of deleted) rows.delete(key);
    this.#revision = revision;
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
      await this.update().catch(() => {}); // the next one reads more
      const pauseMs = COPY_PAUSE_FACTOR * (performance.now() - sinceMs);
      await delay(Math.max(COPY_EVERY_MS, pauseMs), { signal });
    }
  }
}
