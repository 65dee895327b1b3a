/** Options to price: the same ones each time. */

/** Doubles that describe an option, and that price it. */
export const GIVEN = 5;
export const PRICES = 2;
/** Options in one call: 640 KiB in, 256 KiB out. */
export const CHUNK = 16_384;

/** Descriptions of `count` options, in chunks for one call each. */
export function portfolio(count: number): Float64Array<ArrayBuffer>[] {
  const random = generator(20_261_124);
  const between = (least: number, most: number) => least + (most - least) * random();
  const chunks: Float64Array<ArrayBuffer>[] = [];
  for (let left = count; left > 0; left -= CHUNK) {
    const chunk = new Float64Array(GIVEN * Math.min(left, CHUNK));
    for (let i = 0; i < chunk.length; i += GIVEN) {
      chunk[i] = between(50, 150); // spot
      chunk[i + 1] = between(50, 150); // strike
      chunk[i + 2] = between(0.1, 2); // years
      chunk[i + 3] = between(0, 0.08); // rate a year
      chunk[i + 4] = between(0.05, 0.6); // volatility
    }
    chunks.push(chunk);
  }
  return chunks;
}

/** Numbers from 0 to 1 that look random (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
