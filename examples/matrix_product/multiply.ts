/**
 * Products of matrices by blocks that fit the caches, the same as in kernel.as and kernel.c: a block of B is packed into
 * strips of four columns, and each strip meets four rows of A at a time.
 *
 * @module
 */

/** Rows and columns of a tile. Orders of matrices, and shares of rows, are multiples of it. */
export const TILE = 4;
/** Elements of a row of A, and rows of B, in a block: a strip has 8 KiB. */
const DEPTH = 256;
/** Rows of A in a block: 128 KiB. */
const HEIGHT = 64;

/** Computes `rows` rows of C = A B, where `a` has these rows. */
export function multiply(
  n: number,
  rows: number,
  a: Float64Array,
  b: Float64Array,
  c: Float64Array,
): void {
  c.fill(0, 0, rows * n);
  const packed = new Float64Array(DEPTH * n);
  for (let from = 0; from < n; from += DEPTH) {
    const depth = Math.min(DEPTH, n - from);
    pack(n, b, from, depth, packed);
    for (let top = 0; top < rows; top += HEIGHT) {
      const bottom = Math.min(top + HEIGHT, rows);
      for (let column = 0; column < n; column += TILE) {
        for (let row = top; row < bottom; row += TILE) {
          addTile(n, a, row * n + from, packed, column * depth, depth, c, row * n + column);
        }
      }
    }
  }
}

/** Copies rows of B into strips of four columns, one after the other. */
function pack(n: number, b: Float64Array, from: number, depth: number, packed: Float64Array): void {
  for (let column = 0; column < n; column += TILE) {
    let to = column * depth;
    for (let k = 0; k < depth; k++, to += TILE) {
      const at = (from + k) * n + column;
      packed[to] = b[at]!;
      packed[to + 1] = b[at + 1]!;
      packed[to + 2] = b[at + 2]!;
      packed[to + 3] = b[at + 3]!;
    }
  }
}

/** Adds to a tile of C, two rows at a time: 8 sums fit the registers. */
function addTile(
  n: number,
  a: Float64Array,
  aAt: number,
  b: Float64Array,
  bAt: number,
  depth: number,
  c: Float64Array,
  cAt: number,
): void {
  for (let pair = 0; pair < TILE; pair += 2) {
    const upper = aAt + pair * n;
    const lower = upper + n;
    let [s0, s1, s2, s3, t0, t1, t2, t3] = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let k = 0, at = bAt; k < depth; k++, at += TILE) {
      const s = a[upper + k]!;
      const t = a[lower + k]!;
      const b0 = b[at]!;
      const b1 = b[at + 1]!;
      const b2 = b[at + 2]!;
      const b3 = b[at + 3]!;
      s0 += s * b0;
      s1 += s * b1;
      s2 += s * b2;
      s3 += s * b3;
      t0 += t * b0;
      t1 += t * b1;
      t2 += t * b2;
      t3 += t * b3;
    }
    const to = cAt + pair * n;
    c[to]! += s0;
    c[to + 1]! += s1;
    c[to + 2]! += s2;
    c[to + 3]! += s3;
    c[to + n]! += t0;
    c[to + n + 1]! += t1;
    c[to + n + 2]! += t2;
    c[to + n + 3]! += t3;
  }
}
