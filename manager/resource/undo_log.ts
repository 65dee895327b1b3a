/** How to take back what a change did to rows in memory. */
export class UndoLog {
  readonly #steps: (() => void)[] = [];

  /** Notes how to take back what is about to be done. */
  note(step: () => void): void {
    this.#steps.push(step);
  }

  /** The place to come back to by {@linkcode UndoLog.rollBack}. */
  mark(): number {
    return this.#steps.length;
  }

  /** Takes back, the newest first, what was done since the mark. */
  rollBack(mark: number): void {
    while (this.#steps.length > mark) this.#steps.pop()!();
  }

  /** What was done stays. */
  forget(): void {
    this.#steps.length = 0;
  }
}
