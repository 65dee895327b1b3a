/**
 * Shows the progress of work on standard error. Standard output stays free for results.
 *
 * @module
 */
import { cliProgress } from "./cli_progress.ts";

/** Options of {@linkcode progressBar}. */
export interface ProgressOptions {
  /** The name of the work, shown before the bar. */
  label: string;
  /** How many pieces the work has. */
  total: number;
}

/** A bar that is visible until it is disposed. */
export interface ProgressBar extends Disposable {
  /**
   * Sets the number of finished pieces.
   *
   * @param done From 0 to the total.
   */
  update(done: number): void;
}

/**
 * Shows progress: a bar if standard error is a terminal, otherwise one line at the end of the work, which keeps
 * logs readable.
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
    rate: done === 0 ? "–" : (done / seconds()).toFixed(1),
    elapsed: seconds().toFixed(1),
  });

  const bar = Deno.stderr.isTerminal()
    ? new cliProgress.SingleBar({
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
      if (bar) return bar.stop(); // stop() draws the last state again
      const { rate, elapsed } = figures();
      console.error(`${label}  ${done}/${total}  ${rate}/s  ${elapsed} s`);
    },
  };
}
