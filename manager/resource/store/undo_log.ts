/** The steps that undo what a change did to rows in memory. */
export class UndoLog {
  readonly #steps: (() => void)[] = [];

  /** Adds the step that undoes the next write. */
  note(step: () => void): void {
    this.#steps.push(step);
  }

  /** The current position, for {@linkcode UndoLog.rollBack}. */
  mark(): number {
    return this.#steps.length;
  }

  /** Undoes everything since the mark, the newest first. */
  rollBack(mark: number): void {
    while (this.#steps.length > mark) this.#steps.pop()!();
  }

  /** Makes the writes final. */
  forget(): void {
    this.#steps.length = 0;
  }
}
