/** The matrices of the paper on rFaaS, whose product is a formula. */

/** Returns A, with A[i][j] = 1 + i. */
export function leftMatrix(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, at) => 1 + Math.floor(at / n));
}

/** Returns B, with B[i][j] = 2 + j. */
export function rightMatrix(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, at) => 2 + at % n);
}

/** The largest difference of a matrix from A B, which is 0: all numbers are integers below 2^53. */
export function productDifference(n: number, product: Float64Array): number {
  let largest = 0;
  for (let i = 0, at = 0; i < n; i++) {
    for (let j = 0; j < n; j++, at++) {
      const difference = Math.abs(product[at]! - n * (1 + i) * (2 + j));
      if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
    }
  }
  return largest;
}
