/** A system whose rows are divided between this thread and the workers of a way. */

import { callNow, divideRows, type Way, type WayCall } from "../shared/way.ts";
import type { FurnaceSystem } from "./furnace.ts";
import { CHUNK_HEADER } from "./functions.ts";
import { sweep } from "./sweep.ts";

/** The largest argument: a chunk of rows. */
export const MAX_BYTES = 1 << 20;
/** Memory of a worker besides its rows. */
const BASE_BYTES = 64 << 20;
/** Rows of systems that a worker kept before may not be freed yet: of a size below and of the solution. */
const KEPT_SYSTEMS = 3;

/** The memory that a worker needs to keep `rows` rows of `n` unknowns, in bytes. */
export function workerBytes(n: number, rows: number): number {
  return BASE_BYTES + KEPT_SYSTEMS * 8 * rows * (n + 1);
}

/** Rows of a worker. */
interface Share {
  readonly call: WayCall;
  /** Its place in the next x. */
  readonly from: number;
}

/** Owns the calls of its workers. */
export class SharedSystem implements Disposable {
  readonly #n: number;
  readonly #own: Float64Array;
  readonly #shares: readonly Share[];

  private constructor(n: number, own: Float64Array, shares: readonly Share[]) {
    this.#n = n;
    this.#own = own;
    this.#shares = shares;
  }

  /** Sends each worker its rows. This thread keeps the first ones, and each worker has as many. */
  static async share({ n, rows }: FurnaceSystem, { workers }: Way): Promise<SharedSystem> {
    const starts = divideRows(n, workers.length + 1);
    const rowsFrom = (from: number, to: number) => rows.subarray(from * (n + 1), to * (n + 1));
    const shares: Share[] = [];
    for (const [i, worker] of workers.entries()) {
      const from = starts[i + 1]!;
      const to = starts[i + 2]!;
      using call = worker.prepare("keep", { bytes: MAX_BYTES, resultBytes: 8 });
      await sendRows(call, n, rowsFrom(from, to));
      const sizes = { bytes: 8 * n, resultBytes: 8 * (to - from) };
      shares.push({ call: worker.prepare("step", sizes), from });
    }
    return new SharedSystem(n, rowsFrom(0, starts[1]!), shares);
  }

  /** Computes the next x. */
  async step(x: Float64Array, next: Float64Array): Promise<void> {
    const bytes = new Uint8Array(x.buffer, x.byteOffset, x.byteLength);
    for (const { call } of this.#shares) {
      call.input.set(bytes);
      const starting = call.start(bytes.length);
      if (starting) await starting;
    }
    sweep(this.#own, x, next.subarray(0, this.#own.length / (this.#n + 1)));
    for (const { call, from } of this.#shares) {
      const finishing = call.finish();
      const length = typeof finishing === "number" ? finishing : await finishing;
      const { buffer, byteOffset } = call.output;
      next.set(new Float64Array(buffer, byteOffset, length / 8), from);
    }
  }

  [Symbol.dispose](): void {
    for (const { call } of this.#shares) call[Symbol.dispose]();
  }
}

/** Sends a worker rows, which it keeps. */
export async function sendRows(call: WayCall, n: number, rows: Float64Array): Promise<void> {
  const count = rows.length / (n + 1);
  const atOnce = Math.floor((MAX_BYTES / 8 - CHUNK_HEADER) / (n + 1));
  for (let before = 0; before < count; before += atOnce) {
    const part = rows.subarray(before * (n + 1), (before + atOnce) * (n + 1));
    const chunk = new Float64Array(CHUNK_HEADER + part.length);
    chunk.set([n, count, before]);
    chunk.set(part, CHUNK_HEADER);
    await callNow(call, new Uint8Array(chunk.buffer));
  }
}
