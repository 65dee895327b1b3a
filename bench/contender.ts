/** A transport that passes bytes to another process or thread and back. */
export interface Contender extends AsyncDisposable {
  /** The name in reports. */
  readonly path: string;
  /** How long its other end keeps a core busy after a measurement, in milliseconds. @default {0} */
  readonly restMs?: number;
  /** The largest payload. @default {any} */
  readonly maxBytes?: number;
  /**
   * Makes `times.length` sequential round trips with `payload`, and writes the cycles of each to `times`.
   */
  measure(payload: Uint8Array<ArrayBuffer>, times: Float64Array): Promise<void> | void;
}

/** Measures asynchronous round trips, one after the other. */
export async function timeAsync(
  cycles: () => number,
  times: Float64Array,
  roundTrip: () => Promise<unknown>,
): Promise<void> {
  for (let i = 0; i < times.length; i++) {
    const before = cycles();
    await roundTrip();
    times[i] = cycles() - before;
  }
}
