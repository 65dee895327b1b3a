/** A product of matrices whose rows are divided between this thread and the workers of a way. */

import type { PlainFunction } from "../shared/thread_words.ts";
import { callNow, divideRows, type Way, type WayCall } from "../shared/way.ts";
import { HEADER } from "./functions.ts";
import { TILE } from "./multiply.ts";

/** Rows of a worker. */
interface Share {
  /** Rows of A, after their header. */
  readonly a: Float64Array<ArrayBuffer>;
  /** B travels, the rows of A stay with the worker. */
  readonly multiply: WayCall;
  /** Both travel. */
  readonly product: WayCall;
  /** The place of the result in C, in elements. */
  readonly from: number;
}

/** The size of the largest argument of a worker that has `rows` rows, in bytes. */
export function argumentBytes(n: number, rows: number): number {
  return 8 * (HEADER + n * rows + n * n);
}

/** The functions with which this thread computes. They keep rows of one product, and ways are measured in turns. */
export class OwnFunctions {
  readonly #keep: PlainFunction;
  readonly #multiply: PlainFunction;
  #kept: Float64Array | undefined;

  constructor(functions: ReadonlyMap<string, PlainFunction>) {
    this.#keep = functions.get("keep")!;
    this.#multiply = functions.get("multiply")!;
  }

  /** Multiplies rows of A, after their header, by B. Rows that were also the last ones are not copied again. */
  multiply(rows: Float64Array, b: Uint8Array, c: Uint8Array): void {
    if (this.#kept !== rows) this.#keep(bytesOf(rows), new Uint8Array());
    this.#kept = rows;
    this.#multiply(b, c);
  }
}

/** Owns the calls of its workers. */
export class SharedProduct implements Disposable {
  readonly #own: OwnFunctions | undefined;
  /** Rows of A of this thread, after their header. */
  readonly #ownRows: Float64Array;
  readonly #shares: readonly Share[];

  private constructor(
    own: OwnFunctions | undefined,
    ownRows: Float64Array,
    shares: readonly Share[],
  ) {
    this.#own = own;
    this.#ownRows = ownRows;
    this.#shares = shares;
  }

  /**
   * Sends each worker its rows of A.
   *
   * @param own the functions with which this thread computes the first rows; without them the workers have all rows.
   */
  static async share(
    n: number,
    a: Float64Array,
    { workers }: Way,
    own: OwnFunctions | undefined,
  ): Promise<SharedProduct> {
    const starts = divideRows(n, workers.length + (own ? 1 : 0), TILE);
    if (!own) starts.unshift(0);
    const shares: Share[] = [];
    for (const [i, worker] of workers.entries()) {
      const [first, end] = [starts[i + 1]!, starts[i + 2]!];
      const rows = withHeader(n, a, first, end);
      {
        using keep = worker.prepare("keep", { bytes: rows.byteLength, resultBytes: 8 });
        await callNow(keep, bytesOf(rows));
      }
      const resultBytes = 8 * n * (end - first);
      shares.push({
        a: rows,
        multiply: worker.prepare("multiply", { bytes: 8 * n * n, resultBytes }),
        product: worker.prepare("product", { bytes: argumentBytes(n, end - first), resultBytes }),
        from: n * first,
      });
    }
    return new SharedProduct(own, withHeader(n, a, 0, starts[1]!), shares);
  }

  /** Computes C = A B. @param both whether the rows of A travel with B. */
  async multiply(b: Float64Array, c: Float64Array, both = false): Promise<void> {
    const bytes = bytesOf(b);
    for (const share of this.#shares) {
      const call = both ? share.product : share.multiply;
      if (both) call.input.set(bytesOf(share.a));
      const before = both ? share.a.byteLength : 0;
      call.input.set(bytes, before);
      const starting = call.start(before + bytes.length);
      if (starting) await starting;
    }
    const ownElements = this.#ownRows.length - HEADER;
    this.#own?.multiply(this.#ownRows, bytes, bytesOf(c.subarray(0, ownElements)));
    for (const share of this.#shares) {
      const call = both ? share.product : share.multiply;
      const length = await call.finish();
      bytesOf(c).set(call.output.subarray(0, length), 8 * share.from);
    }
  }

  [Symbol.dispose](): void {
    for (const { multiply, product } of this.#shares) {
      multiply[Symbol.dispose]();
      product[Symbol.dispose]();
    }
  }
}

function withHeader(n: number, a: Float64Array, first: number, end: number) {
  const rows = new Float64Array(HEADER + n * (end - first));
  rows.set([n, end - first]);
  rows.set(a.subarray(n * first, n * end), HEADER);
  return rows;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
