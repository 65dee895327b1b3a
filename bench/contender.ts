/** One way to pass bytes to another process or thread and back. */
export interface Contender extends AsyncDisposable {
  /** What it is called in reports. */
  readonly path: string;
  /** How long its other end keeps a core busy after a measurement, in milliseconds. @default 0 */
  readonly restMs?: number;
  /** The largest payload it can pass. @default any */
  readonly maxBytes?: number;
  /**
   * Passes `payload` and takes it back `times.length` times, one after the other; puts the cycles of each round trip
   * into `times`.
   */
  measure(payload: Uint8Array<ArrayBuffer>, times: Float64Array): Promise<void> | void;
}

/** Times an asynchronous round trip. */
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
