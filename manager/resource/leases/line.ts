/** A line of waiting entries, as one order of service has them. */
import type { RequestClass } from "./classes.ts";

/** What an entry waits for, and for which client. */
export interface Demand {
  /** The name of the client. */
  readonly client: string;
  /** To which its usage is counted: {@linkcode payerOf}. */
  readonly payer: string;
  readonly class: Pick<RequestClass, "priority" | "share">;
  readonly workers: number;
}

/** Entries in the order in which they are to be served. */
export interface Line<T> {
  /** How many wait. */
  readonly size: number;
  /** All entries, in their order. */
  readonly entries: readonly T[];
  /** How many entries of a client wait. */
  countOf(client: string): number;
  /** The client with most entries, and the last of these; undefined if there is none. */
  largest(): { client: string; count: number; last: T } | undefined;
  add(entry: T, demand: Demand): void;
  /** Records that an entry is served. */
  served(entry: T): void;
  /** Removes an entry. @returns whether it was there. */
  delete(entry: T): boolean;
  /** Brings the order up to date, if it depends on more than the entries. */
  refresh?(): void;
}
