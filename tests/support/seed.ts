/** The seed of a random run, printed so that a failure can be reproduced. */

/**
 * The seed: the value of RFAAS_SEED, or a random one.
 *
 * @throws {TypeError} when RFAAS_SEED is not an integer.
 */
export function printedSeed(what: string): number {
  const given = Deno.env.get("RFAAS_SEED");
  const seed = given ? Number(given) : Math.floor(Math.random() * 2 ** 31);
  if (!Number.isInteger(seed)) {
    throw new TypeError(`Cannot use RFAAS_SEED: expected an integer, got "${given}"`);
  }
  console.log(`${what}: RFAAS_SEED=${seed}`);
  return seed;
}
