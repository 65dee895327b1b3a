/** Suites, and their interface to a run. */

import { delay } from "@std/async";
import { calibrateCycles } from "../cycles.ts";
import { UnavailableError } from "../unavailable.ts";
import type { Row } from "../rows.ts";

/** A group of measurements. */
export interface Suite {
  readonly name: string;
  /** One line for `--help`. */
  readonly about: string;
  /** Whether it runs without `--suite`. */
  readonly byDefault: boolean;
  /** Measures, and adds rows along the way, so that a later failure loses none. */
  run(bench: Bench): Promise<void>;
}

export interface BenchOptions {
  readonly cycles: () => number;
  readonly quick: boolean;
  /** Duration of suites that run for a time; undefined for their defaults. */
  readonly seconds: number | undefined;
  /** The etcd for the suite control. */
  readonly store?: string | undefined;
  readonly signal: AbortSignal;
  /** Shows the progress. */
  readonly onProgress: (text: string) => void;
  /** Shows a line that stays, about a skipped or failed part. */
  readonly onNote: (text: string) => void;
}

/** The tools of a suite, and the receiver of its rows. */
export class Bench {
  /** The cycle counter, and its ticks in a microsecond. */
  readonly cycles: () => number;
  readonly perUs: number;
  readonly quick: boolean;
  readonly seconds: number | undefined;
  readonly store: string | undefined;
  readonly signal: AbortSignal;
  readonly rows: Row[] = [];
  /** Texts to print after the rows. */
  readonly texts: string[] = [];
  /** What this host could not measure, each with the reason. */
  readonly skipped: string[] = [];
  /** Contenders and suites that failed. */
  failures = 0;
  readonly #options: BenchOptions;

  constructor(options: BenchOptions) {
    this.#options = options;
    this.cycles = options.cycles;
    this.perUs = calibrateCycles(options.cycles);
    this.quick = options.quick;
    this.seconds = options.seconds;
    this.store = options.store;
    this.signal = options.signal;
  }

  /** Shows the progress. @throws {unknown} The signal's reason, if the run is interrupted. */
  progress(text: string): void {
    this.signal.throwIfAborted();
    this.#options.onProgress(text);
  }

  /** {@linkcode Bench.progress} as a function. */
  readonly onProgress = (text: string): void => this.progress(text);

  add(...rows: readonly Row[]): void {
    this.rows.push(...rows);
  }

  addText(text: string): void {
    this.texts.push(text);
  }

  /**
   * Runs one part of a suite. A part that is unavailable on this host is skipped. A failure is shown and counted, and the
   * other parts continue.
   *
   * @returns The result of the part, or `undefined`.
   */
  async attempt<T>(what: string, part: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await part();
    } catch (error) {
      this.signal.throwIfAborted();
      if (error instanceof UnavailableError) {
        this.#options.onNote(`${what} was skipped: ${error.message}`);
        this.skipped.push(`${what} (${error.message})`);
      } else {
        this.failures++;
        const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
        this.#options.onNote(`${what} failed: ${text}`);
      }
      return undefined;
    }
  }

  /** Waits. @throws {unknown} The signal's reason, if the run is interrupted. */
  async pause(ms: number): Promise<void> {
    await delay(ms);
    this.signal.throwIfAborted();
  }
}
