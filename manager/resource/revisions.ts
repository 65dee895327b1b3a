/**
 * A number for each node that grows with each change. The numbers are in memory, and begin at the time of the start, so
 * that one of an earlier process is out of date.
 */
export class Revisions {
  readonly #first: number;
  readonly #last = new Map<string, number>();

  constructor(nowMs: number) {
    this.#first = nowMs;
  }

  /** The number of the last change of a node. */
  of(node: string): number {
    return this.#last.get(node) ?? this.#first;
  }

  /** Counts a change. */
  change(node: string): void {
    this.#last.set(node, this.of(node) + 1);
  }

  /** Begins anew for a node that was removed. */
  forget(node: string): void {
    this.#last.delete(node);
  }
}
