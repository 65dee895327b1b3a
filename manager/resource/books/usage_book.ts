/** The usage of accounts, from their bills. The order of waiting requests depends on it. */
import { setImmediate } from "node:timers";
import type { Logger } from "../../log.ts";
import { DecayedUsage, payerOf } from "../leases/decayed_usage.ts";
import { COUNTED_HALF_LIVES, GRANT_COUNTS_AS_MS, USAGE_SLICES_PER_HALF_LIFE } from "../policy.ts";
import type { BillRow, Store } from "../store/store.ts";

/** What the usage is read from. */
interface UsageContext {
  readonly store: Store;
  readonly clock: () => number;
  readonly log: Logger;
}

/** A bill before and after a report. They are equal if the report has nothing new: the row was not written. */
export interface BillGrowth {
  readonly before: BillRow | undefined;
  readonly after: BillRow;
}

/** Counts what bills grow by from its beginning on, and reads earlier bills in the background. */
export class UsageBook {
  readonly #context: UsageContext;
  readonly #usage: DecayedUsage;
  readonly #halfLifeMs: number;
  /** Bills whose last report is not older are counted. */
  #countedFromMs: number;
  #reading: Promise<void> | undefined;
  #isClosed = false;

  constructor(context: UsageContext, halfLifeMs: number) {
    this.#context = context;
    this.#halfLifeMs = halfLifeMs;
    this.#usage = new DecayedUsage(context.clock, halfLifeMs);
    this.#countedFromMs = context.clock();
  }

  /** The usage of a payer, in core-milliseconds, decayed until now. */
  of(payer: string): number {
    return this.#usage.of(payer);
  }

  /**
   * Counts the grant of a lease. What it uses is known only when its nodes have reported it. Until then, a payer with
   * many requests would be served all at once.
   */
  granted(payer: string, workers: number): void {
    this.#usage.add(payer, workers * GRANT_COUNTS_AS_MS);
  }

  /** To be called before a change that lets bills grow is requested. @returns counts what they have grown by. */
  growing(): (growths: Iterable<BillGrowth>) => void {
    // Slices are read in order with other changes: one that was requested before this change has older states.
    const countedFromMs = this.#countedFromMs;
    return (growths) => {
      for (const { before, after } of growths) {
        // Nothing new: it is counted, or a slice to come has it.
        if (before?.untilMs === after.untilMs && before.heldNs === after.heldNs) continue;
        const payer = payerOf(after);
        if (before !== undefined && before.untilMs < countedFromMs) {
          // Its last report would have been in a slice to come, and is not any more.
          this.#usage.add(payer, coreMsOf(before.heldNs, before.workers), before.untilMs);
        }
        const heldNs = after.heldNs - (before?.heldNs ?? 0n);
        this.#usage.add(payer, coreMsOf(heldNs, after.workers), after.untilMs);
      }
      this.#usage.sweep();
    };
  }

  /**
   * Counts earlier bills, the newest first, in slices that let other changes pass. Logs a failure. Resolves when all are
   * counted.
   */
  readEarlier(): Promise<void> {
    return this.#reading ??= this.#readAll().catch((error) => {
      this.#context.log.error("Usage before the start not counted: {error}", { error });
    });
  }

  async #readAll(): Promise<void> {
    const sliceMs = this.#halfLifeMs / USAGE_SLICES_PER_HALF_LIFE;
    const endMs = Math.max(0, this.#countedFromMs - COUNTED_HALF_LIVES * this.#halfLifeMs);
    while (this.#countedFromMs > endMs && !this.#isClosed) {
      // Other work passes: with a million bills in memory, a slice takes 80 ms.
      await new Promise((resolve) => void setImmediate(resolve));
      const beforeMs = this.#countedFromMs;
      const fromMs = Math.max(endMs, Math.floor(beforeMs - sliceMs));
      this.#countedFromMs = fromMs;
      const sums = await this.#context.store.transact((tx) => tx.heldBetween(fromMs, beforeMs));
      for (const { coreMs, ...each } of sums) {
        this.#usage.add(payerOf(each), coreMs, (fromMs + beforeMs) / 2);
      }
    }
  }

  /** Reads no more bills. Resolves when none is being read. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#reading;
  }
}

function coreMsOf(heldNs: bigint, workers: number): number {
  return Number(heldNs) / 1e6 * workers;
}
