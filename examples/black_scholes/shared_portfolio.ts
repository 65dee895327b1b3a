/** A portfolio whose chunks are divided between this thread and the workers of a way. */

import type { PlainFunction } from "../shared/thread_words.ts";
import type { Way, WayCall } from "../shared/way.ts";
import { CHUNK, PARAMETERS, PRICES } from "./portfolio.ts";

/** Owns the calls of its workers. */
export class SharedPortfolio implements Disposable {
  readonly #own: PlainFunction | undefined;
  readonly #calls: readonly WayCall[];

  /** @param own the function with which this thread prices its share; without it the workers have all chunks. */
  constructor({ workers }: Way, own: PlainFunction | undefined) {
    const sizes = { bytes: 8 * PARAMETERS * CHUNK, resultBytes: 8 * PRICES * CHUNK };
    this.#own = own;
    this.#calls = workers.map((worker) => worker.prepare("price", sizes));
  }

  /** Prices all options, in rounds: a chunk for each worker and one for this thread. */
  async price(given: Uint8Array, prices: Uint8Array): Promise<void> {
    const parts = this.#calls.length + (this.#own ? 1 : 0);
    const options = given.length / (8 * PARAMETERS);
    const each = Math.min(CHUNK, Math.ceil(options / parts));
    const argument = (from: number) =>
      given.subarray(8 * PARAMETERS * from, 8 * PARAMETERS * Math.min(from + each, options));
    for (let round = 0; round < options; round += each * parts) {
      const started: [call: WayCall, from: number][] = [];
      let from = round;
      for (const call of this.#calls) {
        if (from >= options) break;
        const bytes = argument(from);
        call.input.set(bytes);
        const starting = call.start(bytes.length);
        if (starting) await starting;
        started.push([call, from]);
        from += each;
      }
      if (this.#own && from < options) {
        const end = Math.min(from + each, options);
        this.#own(argument(from), prices.subarray(8 * PRICES * from, 8 * PRICES * end));
      }
      for (const [call, at] of started) {
        const finishing = call.finish();
        const length = typeof finishing === "number" ? finishing : await finishing;
        prices.set(call.output.subarray(0, length), 8 * PRICES * at);
      }
    }
  }

  [Symbol.dispose](): void {
    for (const call of this.#calls) call[Symbol.dispose]();
  }
}
