/** A job of fixed size that both the machine and its host do, to measure how much slower the machine is. */

/** Number of tries, of which the best counts: other programs can only make a try slower. */
const TRIES = 20;
const ROUNDS = 1_000;

/** Returns the best time of the job in milliseconds: compiled arithmetic, text and allocation. */
export function timeFixedJob(): number {
  let best = Infinity;
  for (let i = 0; i < TRIES; i++) {
    const start = performance.now();
    job();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

function job(): number {
  let sum = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const text = JSON.stringify({ i, sum, list: [i, i + 1] });
    sum = (sum + JSON.parse(text).list[1] * 31) >>> 0;
  }
  return sum;
}
