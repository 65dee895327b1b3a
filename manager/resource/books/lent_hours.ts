/** What nodes had to lend, by the hour: of what share of it was leased, the bills show. */
import type { LentHourList } from "../../../runtime/http/manager_api.ts";
import { MAX_PAGE_ENTRIES } from "../../../runtime/http/page_api.ts";
import { isLending } from "../leases/node_capacity.ts";
import { MAX_LENT_LOOK_MS, WRITE_LENT_EVERY_MS } from "../policy.ts";
import type { LentHourRow, Transaction } from "../store/store.ts";
import type { BookContext } from "./book_context.ts";
import type { LentQuery } from "./lent_query.ts";
import { pageOf } from "./page_query.ts";

const HOUR_MS = 3_600_000;

/** Adds up the cores of the nodes that lend. */
export class LentHours {
  readonly #context: Pick<BookContext, "store" | "clock" | "aliveSinceMs">;
  /** What is not in the store yet, by the begin of the hour. */
  #pending = new Map<number, LentHourRow>();
  #countedMs: number;
  #writtenMs: number;

  constructor(context: Pick<BookContext, "store" | "clock" | "aliveSinceMs">) {
    this.#context = context;
    this.#countedMs = this.#writtenMs = context.clock();
  }

  /** Counts the time since the last look, with the cores that are lent now. */
  async count(): Promise<void> {
    const aliveSinceMs = this.#context.aliveSinceMs();
    const cores = await this.#context.store.transact((tx) =>
      tx.nodes().filter((node) => isLending(node, aliveSinceMs))
        .reduce((sum, node) => sum + node.cores, 0)
    );
    const nowMs = this.#context.clock();
    const fromMs = Math.max(this.#countedMs, nowMs - MAX_LENT_LOOK_MS);
    this.#countedMs = nowMs;
    if (fromMs < nowMs) this.#add(fromMs, nowMs, cores);
    if (nowMs - this.#writtenMs >= WRITE_LENT_EVERY_MS) await this.write();
  }

  /** Writes what was counted. Rejects if the store fails, and keeps it for the next write. */
  async write(): Promise<void> {
    const pending = this.#pending;
    if (pending.size === 0) return;
    this.#pending = new Map();
    this.#writtenMs = this.#context.clock();
    try {
      await this.#context.store.transact((tx) => {
        for (const row of pending.values()) tx.putLentHour(joined(stored(tx, row.hourMs), row));
      });
    } catch (error) {
      for (const row of pending.values()) this.#put(row);
      throw error;
    }
  }

  /** A page of the hours, oldest first. */
  async list({ sinceMs = 0, afterMs, limit = MAX_PAGE_ENTRIES }: LentQuery): Promise<LentHourList> {
    await this.count();
    await this.write();
    const firstMs = afterMs === undefined ? hourOf(sinceMs) : afterMs + 1;
    const rows = await this.#context.store.transact((tx) => tx.lentHours(firstMs, limit + 1));
    const { page, ...next } = pageOf(rows, limit, ({ hourMs }) => `${hourMs}`);
    return { nowMs: this.#context.clock(), hours: page, ...next };
  }

  #add(fromMs: number, untilMs: number, cores: number): void {
    for (let atMs = fromMs; atMs < untilMs;) {
      const hourMs = hourOf(atMs);
      const endMs = Math.min(untilMs, hourMs + HOUR_MS);
      this.#put({ hourMs, fromMs: atMs, untilMs: endMs, coreMs: cores * (endMs - atMs) });
      atMs = endMs;
    }
  }

  #put(row: LentHourRow): void {
    this.#pending.set(row.hourMs, joined(this.#pending.get(row.hourMs), row));
  }
}

function stored(tx: Transaction, hourMs: number): LentHourRow | undefined {
  const [row] = tx.lentHours(hourMs, 1);
  return row?.hourMs === hourMs ? row : undefined;
}

function joined(one: LentHourRow | undefined, other: LentHourRow): LentHourRow {
  return one === undefined ? other : {
    hourMs: one.hourMs,
    fromMs: Math.min(one.fromMs, other.fromMs),
    untilMs: Math.max(one.untilMs, other.untilMs),
    coreMs: one.coreMs + other.coreMs,
  };
}

function hourOf(ms: number): number {
  return ms - ms % HOUR_MS;
}
