/** Drops old versions of rows from etcd, which otherwise keeps each of them until its disk quota is used up. */
import type { EtcdClient } from "./etcd_client.ts";
import { COMPACT_EVERY_MS, WRITE_TIMEOUT_MS } from "./etcd_policy.ts";

/** Compacts at intervals until it is disposed of. */
export class Compaction implements Disposable {
  readonly #client: EtcdClient;
  readonly #timer: ReturnType<typeof setInterval>;
  /** The revision at the last interval. */
  #before: number | undefined;

  /** @param everyMs the age up to which versions are kept, for other programs that read this etcd too. */
  constructor(client: EtcdClient, everyMs = COMPACT_EVERY_MS) {
    this.#client = client;
    this.#timer = setInterval(() => void this.#compact(), everyMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #compact(): Promise<void> {
    const compacted = this.#before;
    // A failure costs space until the next interval.
    this.#before = await this.#client.revision(WRITE_TIMEOUT_MS).catch(() => undefined);
    if (compacted === undefined) return;
    await this.#client.compact(compacted, WRITE_TIMEOUT_MS).catch(() => {});
  }
}
