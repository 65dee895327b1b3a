/**
 * The descriptions of metrics: a table has one entry for each. Names are in base units and carry no id, so that their
 * number is bounded: each label lists the values that it may have.
 */

/** The value of a label in place of one that its metric does not list. */
export const OTHER = "other";

/** Labels by name, each with the values that it may have besides {@linkcode OTHER}. */
export type Labels = Readonly<Record<string, readonly string[]>>;

interface Described {
  /** The meaning, in a few words. */
  readonly help: string;
  /** What one is: `seconds`, `bytes`, or the things that are counted. `1` for a yes or no. */
  readonly unit: string;
  readonly labels?: Labels;
}

/** A number that is read at each scrape; by the value of the label, if the metric has one. */
export interface ReadMetric<S> extends Described {
  readonly type: "counter" | "gauge";
  read(source: S): number | Readonly<Record<string, number>>;
}

/** Events that are counted when they happen. */
export interface CountedMetric extends Described {
  readonly type: "counter";
  readonly read?: never;
}

/** Durations that are sorted into buckets when they end, in seconds. */
export interface TimedMetric extends Described {
  readonly type: "histogram";
  readonly unit: "seconds";
  /** The upper bounds of the buckets. */
  readonly buckets: readonly number[];
  readonly read?: never;
}

/** A metric. */
export type Metric<S> = ReadMetric<S> | CountedMetric | TimedMetric;

/** Metrics by name, of a process whose figures are `S`. */
export type MetricTable<S> = Readonly<Record<string, Metric<S>>>;

/**
 * Records an event: of a counter how many, of a histogram how many seconds. The values of its labels follow, in their
 * order.
 */
export type Observe = (name: string, value: number, ...labels: string[]) => void;

/** Records nothing. */
export const unobserved: Observe = () => {};

/** Where the steps of the buckets are, in each power of ten. */
const STEPS = [1, 2.5, 5];

/**
 * Returns the bounds of buckets up to 10 s, in steps of 1, 2.5 and 5.
 *
 * @param exponent of ten, of the first bound in seconds.
 */
export function secondsFrom(exponent: number): number[] {
  const bounds: number[] = [];
  for (let power = exponent; power < 1; power++) {
    for (const step of STEPS) bounds.push(Number(`${step}e${power}`));
  }
  return [...bounds, 10];
}

/** Buckets for requests, processes and disks: nothing of these takes less than 0.1 ms. */
export const SECONDS_BUCKETS: readonly number[] = secondsFrom(-4);
