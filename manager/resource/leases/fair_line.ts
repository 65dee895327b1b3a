/**
 * A line in which clients take turns, by start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996). Each entry has a
 * number: one more than the last of its client, or than the last one served if the client has none. A client with a
 * thousand entries delays the first entry of another by one turn.
 */

import type { Demand, Line } from "./line.ts";

interface Place<T> {
  readonly entry: T;
  readonly client: string;
  readonly turn: number;
}

/** Entries of clients, in the order in which they are to be served. */
export class FairLine<T> implements Line<T> {
  /** By turn, then by arrival. */
  readonly #places: Place<T>[] = [];
  /** The last turn and the number of entries of each client that has any. */
  readonly #clients = new Map<string, { turn: number; count: number }>();
  #entries: readonly T[] | undefined;
  /** The turn of the last entry that was served. */
  #turn = 0;

  /** How many wait. */
  get size(): number {
    return this.#places.length;
  }

  /** All entries, in their order. */
  get entries(): readonly T[] {
    return this.#entries ??= this.#places.map(({ entry }) => entry);
  }

  has(entry: T): boolean {
    return this.#indexOf(entry) >= 0;
  }

  /** How many entries of a client wait. */
  countOf(client: string): number {
    return this.#clients.get(client)?.count ?? 0;
  }

  /** The client with most entries, and the last of these; undefined if there is none. */
  largest(): { client: string; count: number; last: T } | undefined {
    let largest: { client: string; count: number } | undefined;
    for (const [client, { count }] of this.#clients) {
      if (count > (largest?.count ?? 0)) largest = { client, count };
    }
    if (largest === undefined) return undefined;
    const last = this.#places.findLast(({ client }) => client === largest.client)!;
    return { ...largest, last: last.entry };
  }

  add(entry: T, { client }: Pick<Demand, "client">): void {
    const known = this.#clients.get(client);
    const turn = Math.max(known?.turn ?? 0, this.#turn) + 1;
    this.#clients.set(client, { turn, count: (known?.count ?? 0) + 1 });
    const before = this.#places.findLastIndex((place) => place.turn <= turn);
    this.#places.splice(before + 1, 0, { entry, client, turn });
    this.#entries = undefined;
  }

  /** Records that an entry is served: clients without any begin after its turn. */
  served(entry: T): void {
    const place = this.#places[this.#indexOf(entry)];
    this.#turn = Math.max(this.#turn, place?.turn ?? 0);
  }

  /** Removes an entry. @returns whether it was there. */
  delete(entry: T): boolean {
    const at = this.#indexOf(entry);
    if (at < 0) return false;
    const [{ client }] = this.#places.splice(at, 1) as [Place<T>];
    const known = this.#clients.get(client)!;
    if (known.count === 1) this.#clients.delete(client);
    else this.#clients.set(client, { ...known, count: known.count - 1 });
    this.#entries = undefined;
    return true;
  }

  #indexOf(entry: T): number {
    return this.#places.findIndex((place) => place.entry === entry);
  }
}
