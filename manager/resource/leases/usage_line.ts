/**
 * A line in which the request of the account with the least usage, relative to the share of its class, stands first. What
 * waits before a request of the same account counts as if it were granted, so that accounts with equal usage take turns.
 */
import { GRANT_COUNTS_AS_MS } from "../policy.ts";
import { FairLine } from "./fair_line.ts";
import type { Demand, Line } from "./line.ts";

interface Waiting extends Demand {
  /** The number of its arrival. */
  readonly arrival: number;
}

/** Entries of clients, in the order in which they are to be served. */
export class UsageLine<T> implements Line<T> {
  readonly #usageOf: (payer: string) => number;
  readonly #waiting = new Map<T, Waiting>();
  /** The entries of each payer: its clients take turns. */
  readonly #payers = new Map<string, FairLine<T>>();
  #arrivals = 0;
  #entries: readonly T[] | undefined;

  /** @param usageOf returns the usage of a payer, in core-milliseconds. */
  constructor(usageOf: (payer: string) => number) {
    this.#usageOf = usageOf;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get entries(): readonly T[] {
    return this.#entries ??= this.#sorted();
  }

  countOf(client: string): number {
    return [...this.#waiting.values()].filter((each) => each.client === client).length;
  }

  largest(): { client: string; count: number; last: T } | undefined {
    const clients = Map.groupBy(this.entries, (entry) => this.#waiting.get(entry)!.client);
    let largest: { client: string; count: number; last: T } | undefined;
    for (const [client, entries] of clients) {
      const count = entries.length;
      if (count > (largest?.count ?? 0)) largest = { client, count, last: entries.at(-1)! };
    }
    return largest;
  }

  add(entry: T, demand: Demand): void {
    this.#waiting.set(entry, { ...demand, arrival: this.#arrivals++ });
    const line = this.#payers.getOrInsertComputed(demand.payer, () => new FairLine<T>());
    line.add(entry, demand);
    this.#entries = undefined;
  }

  served(entry: T): void {
    this.#lineOf(entry)?.served(entry);
  }

  delete(entry: T): boolean {
    const line = this.#lineOf(entry);
    if (line === undefined) return false;
    line.delete(entry);
    if (line.size === 0) this.#payers.delete(this.#waiting.get(entry)!.payer);
    this.#waiting.delete(entry);
    // The others keep their order until it is brought up to date.
    this.#entries = this.#entries?.filter((other) => other !== entry);
    return true;
  }

  refresh(): void {
    this.#entries = undefined;
  }

  #lineOf(entry: T): FairLine<T> | undefined {
    const waiting = this.#waiting.get(entry);
    return waiting && this.#payers.get(waiting.payer);
  }

  #sorted(): T[] {
    const keyed: { entry: T; key: number; arrival: number }[] = [];
    for (const [payer, line] of this.#payers) {
      let usage = this.#usageOf(payer);
      for (const entry of line.entries) {
        const { class: { share }, workers, arrival } = this.#waiting.get(entry)!;
        keyed.push({ entry, key: usage / share, arrival });
        usage += workers * GRANT_COUNTS_AS_MS;
      }
    }
    return keyed.sort((a, b) => a.key - b.key || a.arrival - b.arrival).map(({ entry }) => entry);
  }
}
