/** A step of Jacobi for some rows of a system. */

/**
 * Computes `next[i] = constant[i] + row[i] · x`.
 *
 * @param rows for each row its constant and its coefficients.
 */
export function sweep(rows: Float64Array, x: Float64Array, next: Float64Array): void {
  const n = x.length;
  for (let i = 0; i < next.length; i++) {
    const at = i * (n + 1);
    const first = at + 1;
    // Four sums: each addition would wait for the one before it.
    let a = rows[at]!;
    let b = 0;
    let c = 0;
    let d = 0;
    let j = 0;
    for (; j + 3 < n; j += 4) {
      a += rows[first + j]! * x[j]!;
      b += rows[first + j + 1]! * x[j + 1]!;
      c += rows[first + j + 2]! * x[j + 2]!;
      d += rows[first + j + 3]! * x[j + 3]!;
    }
    for (; j < n; j++) a += rows[first + j]! * x[j]!;
    next[i] = a + b + (c + d);
  }
}
