/**
 * The functions of a worker: it receives its rows once and keeps them, then each call brings x and returns its share of
 * the next x.
 *
 * @module
 */
import { sweep } from "./sweep.ts";

/** Doubles before the rows of a chunk: unknowns, rows of the worker in all, rows before this chunk. */
export const CHUNK_HEADER = 3;

/** The rows of this worker. */
export const keptRows = { rows: new Float64Array(), unknowns: 0 };

/** Receives some of the rows that the worker keeps. The first chunk replaces those of another system. */
export function keep(input: Uint8Array, _output: Uint8Array): number {
  const chunk = new Float64Array(input.buffer, input.byteOffset, input.length / 8 | 0);
  const [n = 0, count = 0, before = 0] = chunk;
  if (before === 0) keptRows.rows = new Float64Array(count * (n + 1));
  keptRows.unknowns = n;
  keptRows.rows.set(chunk.subarray(CHUNK_HEADER), before * (n + 1));
  return 0;
}

/** Receives x and returns this worker's share of the next one. */
export function step(input: Uint8Array, output: Uint8Array): number {
  const { rows, unknowns } = keptRows;
  if (input.length !== 8 * unknowns) {
    throw new TypeError(
      `Cannot compute a step: x has ${
        input.length / 8
      } values, this worker has rows of ${unknowns}`,
    );
  }
  const next = new Float64Array(output.buffer, output.byteOffset, rows.length / (unknowns + 1));
  sweep(rows, new Float64Array(input.buffer, input.byteOffset, unknowns), next);
  return next.byteLength;
}
