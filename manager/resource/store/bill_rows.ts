/** The bills in memory. On etcd, those that are closed share a row: the archive has one key for many of them. */
import { type BillPage, type BillPlace, type BillRow, type HeldSum, placeOf } from "./store.ts";
import type { UndoLog } from "./undo_log.ts";

/** All bills by lease, node and epoch. */
export class BillRows {
  readonly #undo: UndoLog;
  readonly #rows = new Map<string, BillRow>();
  /** The keys of those that no archive has in their newest state. */
  readonly #open = new Set<string>();
  /** The keys of the bills in each archive, by its number. A later one has newer states. */
  readonly #archives = new Map<string, readonly string[]>();

  constructor(undo: UndoLog) {
    this.#undo = undo;
  }

  get(key: string): BillRow | undefined {
    return this.#rows.get(key);
  }

  /** Whether an archive has the newest state of a bill. */
  isArchived(key: string): boolean {
    return !this.#open.has(key);
  }

  /** Of a known bill, only the durations and `untilMs` change. @returns its key. */
  put(bill: BillRow): string {
    const key = billKey(bill);
    const before = this.#rows.get(key);
    const wasArchived = this.isArchived(key);
    this.#undo.note(() => {
      if (before === undefined) this.#rows.delete(key);
      else this.#rows.set(key, before);
      if (wasArchived) this.#open.delete(key);
    });
    const { untilMs, heldNs, computeNs, pollNs } = bill;
    this.#rows.set(key, { ...bill, ...before, untilMs, heldNs, computeNs, pollNs });
    this.#open.add(key);
    return key;
  }

  page({ client, sinceMs, after, limit }: BillPage): BillRow[] {
    const isBefore = (a: BillPlace, b: BillPlace) =>
      a.ms < b.ms || (a.ms === b.ms && nameOf(a) < nameOf(b));
    return [...this.#rows.values()]
      .filter((row) => client === undefined || row.client === client)
      .map((row) => ({ row, place: placeOf(row, sinceMs !== undefined) }))
      .filter(({ place }) => place.ms >= (sinceMs ?? 0))
      .filter(({ place }) => after === undefined || isBefore(after, place))
      .sort((a, b) => isBefore(a.place, b.place) ? -1 : 1)
      .slice(0, limit)
      .map(({ row }) => row);
  }

  heldBetween(fromMs: number, beforeMs: number): HeldSum[] {
    const sums = new Map<string, HeldSum>();
    for (const { client, account, workers, untilMs, heldNs } of this.#rows.values()) {
      if (untilMs < fromMs || untilMs >= beforeMs) continue;
      const key = `${account ?? ""} ${client}`;
      const coreMs = (sums.get(key)?.coreMs ?? 0) + Number(heldNs) / 1e6 * workers;
      sums.set(key, { client, account, coreMs });
    }
    return [...sums.values()];
  }

  /**
   * Moves closed bills to a new archive.
   *
   * @param count how many. Fewer stay where they are.
   * @returns the number of the archive and the keys; undefined if there are fewer.
   */
  archive(
    count: number,
    isClosed: (bill: BillRow) => boolean,
  ): { archive: string; keys: readonly string[] } | undefined {
    const keys: string[] = [];
    for (const key of this.#open) {
      if (isClosed(this.#rows.get(key)!)) keys.push(key);
      if (keys.length < count) continue;
      const archive = `${this.#archives.size}`.padStart(10, "0");
      this.#undo.note(() => {
        this.#archives.delete(archive);
        for (const key of keys) this.#open.add(key);
      });
      this.load(archive, keys);
      return { archive, keys };
    }
    return undefined;
  }

  /** Notes that an archive has the newest state of some bills. */
  load(archive: string, keys: readonly string[]): void {
    this.#archives.set(archive, keys);
    for (const key of keys) this.#open.delete(key);
  }

  /** Notes that a bill has no row of its own any more: an archive has it, or will. */
  close(key: string): void {
    this.#open.delete(key);
  }

  /** The bills of an archive. */
  inArchive(archive: string): BillRow[] | undefined {
    return this.#archives.get(archive)?.map((key) => this.#rows.get(key)!);
  }
}

function billKey({ lease, node, epoch }: Pick<BillRow, "lease" | "node" | "epoch">): string {
  return `${lease}/${node}/${epoch}`;
}

function nameOf({ lease, node, epoch }: BillPlace): string {
  return `${lease} ${node} ${`${epoch}`.padStart(10)}`;
}
