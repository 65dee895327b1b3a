/**
 * Shows how far some work has come, on standard error, so that standard output stays for results.
 *
 * @module
 */
import { SingleBar } from "./cli_progress.ts";

/** What a bar is about. */
export interface ProgressOptions {
  /** Names the work, in front of the bar. */
  label: string;
  /** How many pieces the work has. */
  total: number;
}

/** A bar that is shown until it is disposed of. */
export interface ProgressBar extends Disposable {
  /**
   * Tells how many pieces are done.
   *
   * @param done From 0 to the total.
   */
  update(done: number): void;
}

/**
 * Shows progress: a bar if standard error is a terminal, else one line once the work is over, so that a
 * log holds no half-drawn bars.
 *
 * @example
 * ```ts
 * using bar = progressBar({ label: "thumbnails", total: 14 });
 * bar.update(1);
 * ```
 *
 * @param options The label and the total.
 * @returns The bar.
 */
export function progressBar({ label, total }: ProgressOptions): ProgressBar {
  const started = performance.now();
  let done = 0;
  let over = false;
  const seconds = () => (performance.now() - started) / 1000;
  const figures = () => ({
    label,
    rate: done === 0 ? "–" : (done / seconds()).toFixed(1), // the first piece has yet to tell
    elapsed: seconds().toFixed(1),
  });

  const bar = Deno.stderr.isTerminal()
    ? new SingleBar({
      format: "{label}  {bar}  {value}/{total}  {rate}/s  {elapsed} s",
      barCompleteChar: "█",
      barIncompleteChar: "░",
      barsize: 30,
      hideCursor: true,
      fps: 20,
    })
    : undefined;
  bar?.start(total, 0, figures());

  return {
    update(count: number): void {
      done = count;
      bar?.update(count, figures());
    },
    [Symbol.dispose](): void {
      if (over) return;
      over = true;
      if (bar) return bar.stop(); // which draws the last state once more
      const { rate, elapsed } = figures();
      console.error(`${label}  ${done}/${total}  ${rate}/s  ${elapsed} s`);
    },
  };
}
