/** The values of a table of metrics, and their text for Prometheus. */
import { type Labels, type Metric, type MetricTable, OTHER } from "./metric.ts";
import { Counter, Gauge, Histogram, Registry } from "./prom_client.ts";

/** Sets a metric that is read. */
type Read<S> = (source: S) => void;
/** Records an event, with the values of the labels in their order. */
type RecordEvent = (value: number, labels: readonly string[]) => void;

/** The metrics of a process whose figures are `S`. */
export class MetricRegistry<S> {
  readonly #registry = new Registry();
  readonly #reads: Read<S>[] = [];
  readonly #records = new Map<string, RecordEvent>();

  constructor(table: MetricTable<S>) {
    for (const [name, metric] of Object.entries(table)) this.#add(name, metric);
  }

  /** The content type of {@linkcode MetricRegistry.text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /**
   * Records an event.
   *
   * @param value of a counter how many, of a histogram how many seconds.
   * @param labels the values of the labels, in their order.
   */
  observe(name: string, value: number, ...labels: string[]): void {
    const record = this.#records.get(name);
    if (record === undefined) throw new TypeError(`Cannot record event: no metric ${name}`);
    record(value, labels);
  }

  /** Returns all metrics as text, with these figures. */
  text(source: S): Promise<string> {
    for (const read of this.#reads) read(source);
    return this.#registry.metrics();
  }

  #add(name: string, metric: Metric<S>): void {
    const { help, labels = {} } = metric;
    const options = {
      name,
      help: help + unitText(metric.unit),
      labelNames: Object.keys(labels),
      registers: [this.#registry],
    };
    if (metric.type === "histogram") {
      const histogram = new Histogram({ ...options, buckets: [...metric.buckets] });
      for (const known of onlyLabels(labels)) histogram.zero(known);
      this.#records.set(name, (value, of) => histogram.observe(labelsOf(labels, of), value));
    } else if (metric.read === undefined) {
      const counter = new Counter(options);
      for (const known of onlyLabels(labels)) counter.inc(known, 0);
      this.#records.set(name, (value, of) => counter.inc(labelsOf(labels, of), value));
    } else if (metric.type === "counter") {
      const counter = new Counter(options);
      this.#reads.push((source) => {
        counter.reset();
        for (const [of, value] of valuesOf(metric.read(source))) {
          counter.inc(labelsOf(labels, of), value);
        }
      });
    } else {
      const gauge = new Gauge(options);
      this.#reads.push((source) => {
        gauge.reset();
        for (const [of, value] of valuesOf(metric.read(source))) {
          gauge.set(labelsOf(labels, of), value);
        }
      });
    }
  }
}

/** The unit, where the text of a metric does not name what is counted. */
function unitText(unit: string): string {
  if (unit === "1") return ": 1 or 0";
  return unit === "seconds" || unit === "bytes" ? `, in ${unit}` : "";
}

/** Each value of a single label: its series are there from the start, at 0, so that the first event shows as a change. */
function onlyLabels(labels: Labels): { [name: string]: string }[] {
  const [[name, values] = ["", []], ...others] = Object.entries(labels);
  return others.length > 0 ? [] : values.map((value) => ({ [name]: value }));
}

/** A value that the metric does not list becomes {@linkcode OTHER}, so that the number of series is bounded. */
function labelsOf(labels: Labels, values: readonly string[]): { [name: string]: string } {
  const named: { [name: string]: string } = {};
  Object.entries(labels).forEach(([name, known], at) => {
    const value = values[at];
    named[name] = value !== undefined && known.includes(value) ? value : OTHER;
  });
  return named;
}

function valuesOf(read: number | Readonly<{ [value: string]: number }>): [string[], number][] {
  if (typeof read === "number") return [[[], read]];
  return Object.entries(read).map(([value, number]) => [[value], number]);
}
