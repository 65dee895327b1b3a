/** The seed of a random run: printed, so that a failure can be made again. */

/** RFAAS_SEED, else a new one. */
export function printedSeed(what: string): number {
  const given = Deno.env.get("RFAAS_SEED");
  const seed = given ? Number(given) : Math.floor(Math.random() * 2 ** 31);
  if (!Number.isInteger(seed)) {
    throw new TypeError(`Cannot use RFAAS_SEED: "${given}" is no integer`);
  }
  console.log(`${what}: RFAAS_SEED=${seed}`);
  return seed;
}
