/** Shows whether a watch has skipped changes: etcd counts the writes of each key. */

/** A change of a key, as a watch brings it. */
export interface SeenChange {
  readonly key: string;
  /** The number of writes of the key since it was last created; 0: this change deletes it. */
  readonly version: number;
}

/**
 * The versions of the keys that one watch has brought. If a reader is slow and etcd is compacted meanwhile, etcd before
 * 3.4.31 and 3.5.13 goes on with the newest changes, without a sign (https://github.com/etcd-io/etcd/issues/17529).
 * A leader writes the same keys all the time, so that one of them shows it.
 */
export class SeenVersions {
  readonly #versions = new Map<string, number>();

  /** @throws {Error} if an earlier change of the key is missing. */
  add({ key, version }: SeenChange): void {
    if (version === 0) {
      this.#versions.delete(key);
      return;
    }
    const before = this.#versions.get(key);
    if (before !== undefined && version !== before + 1) {
      throw new Error(`the watch brought version ${version} of ${key} after ${before}`);
    }
    this.#versions.set(key, version);
  }
}
