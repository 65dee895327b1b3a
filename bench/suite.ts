/** What a suite is, and what it is given. */

import { calibrateCycles } from "./cycles.ts";
import { NotHere } from "./not_here.ts";
import type { Row } from "./rows.ts";

/** One question, and how it is measured. */
export interface Suite {
  readonly name: string;
  /** One line for `--help`. */
  readonly about: string;
  /** Is it run if none is named? */
  readonly byDefault: boolean;
  /** Measures, and adds rows as it goes, so that what fails later loses none. */
  run(bench: Bench): Promise<void>;
}

export interface BenchOptions {
  readonly cycles: () => number;
  readonly quick: boolean;
  /** How long the suites that run for a time are to run; theirs if left out. */
  readonly seconds: number | undefined;
  readonly signal: AbortSignal;
  /** Shows what is being measured. */
  readonly onProgress: (text: string) => void;
  /** A line that stays: what was left out, what failed. */
  readonly onNote: (text: string) => void;
}

/** What a suite measures with, and where its rows go. */
export class Bench {
  /** The cycle counter, and its ticks in a microsecond. */
  readonly cycles: () => number;
  readonly perUs: number;
  readonly quick: boolean;
  readonly seconds: number | undefined;
  readonly signal: AbortSignal;
  readonly rows: Row[] = [];
  /** For people, after the rows. */
  readonly texts: string[] = [];
  /** Contenders and suites that failed. */
  failures = 0;
  readonly #options: BenchOptions;

  constructor(options: BenchOptions) {
    this.#options = options;
    this.cycles = options.cycles;
    this.perUs = calibrateCycles(options.cycles);
    this.quick = options.quick;
    this.seconds = options.seconds;
    this.signal = options.signal;
  }

  /** Says what comes next. @throws the signal's reason, if the run is to end. */
  progress(text: string): void {
    this.signal.throwIfAborted();
    this.#options.onProgress(text);
  }

  /** As {@linkcode Bench.progress}, for those who want a function. */
  readonly onProgress = (text: string): void => this.progress(text);

  add(...rows: readonly Row[]): void {
    this.rows.push(...rows);
  }

  tell(text: string): void {
    this.texts.push(text);
  }

  /**
   * Runs one part of many. What can't be had on this host is left out, what fails is told and counted, and the others
   * go on.
   *
   * @returns what it gave, or `undefined`.
   */
  async attempt<T>(what: string, part: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await part();
    } catch (error) {
      this.signal.throwIfAborted();
      if (error instanceof NotHere) {
        this.#options.onNote(`${what} was left out: ${error.message}`);
      } else {
        this.failures++;
        const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
        this.#options.onNote(`${what} failed: ${text}`);
      }
      return undefined;
    }
  }

  /** Waits. @throws the signal's reason, if the run is to end. */
  async pause(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.signal.throwIfAborted();
  }
}
