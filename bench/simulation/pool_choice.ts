/** Clients that choose pools by figures which are up to a second old. */

/** How a client chooses the pools that it tries, in order. */
export type Policy = "one at random" | "the emptiest two" | "the emptier of two first";

/** The sizes of a run. */
export interface ChoiceOptions {
  readonly pools: number;
  readonly coresEach: number;
  /** The share of the cores that the leases would have if none were refused. */
  readonly load: number;
  readonly policy: Policy;
  readonly seconds: number;
  readonly random: () => number;
}

/** Leases last so long on average. */
const LEASE_SECONDS = 30;
/** The sizes of leases, equally frequent. */
const SIZES = [1, 4, 16, 64, 256, 1024];

/** Takes leases, each of which tries two pools at most. @returns columns of the table. */
export function simulateChoices(options: ChoiceOptions): Record<string, string> {
  const { pools, coresEach, load, policy, seconds, random } = options;
  const free = Array.from({ length: pools }, () => coresEach);
  const ends: { pool: number; size: number }[][] = [];
  const meanSize = SIZES.reduce((sum, size) => sum + size, 0) / SIZES.length;
  const perSecond = load * pools * coresEach / LEASE_SECONDS / meanSize;
  const any = () => Math.floor(random() * pools);
  const counts = { leases: 0, second: 0, refused: 0 };
  let spread = 0;
  let measured = 0;
  for (let second = 0; second < seconds; second++) {
    for (const { pool, size } of ends[second] ?? []) free[pool]! += size;
    // What all clients have until the next second.
    const shown = [...free];
    const emptiest = shown.map((_, pool) => pool).sort((a, b) => shown[b]! - shown[a]!);
    const isWarm = second >= 4 * LEASE_SECONDS;
    for (let n = 0; n < perSecond; n++) {
      const size = SIZES[Math.floor(random() * SIZES.length)]!;
      const two = [any(), any()].sort((a, b) => shown[b]! - shown[a]!);
      const tried = policy === "the emptiest two"
        ? emptiest.slice(0, 2)
        : policy === "one at random"
        ? [any()]
        : two;
      const at = tried.findIndex((pool) => free[pool]! >= size);
      if (isWarm) {
        counts.leases++;
        if (at === 1) counts.second++;
        if (at < 0 && free.some((cores) => cores >= size)) counts.refused++;
      }
      if (at < 0) continue;
      free[tried[at]!]! -= size;
      const end = second + 1 + Math.floor(-LEASE_SECONDS * Math.log(1 - random()));
      (ends[end] ??= []).push({ pool: tried[at]!, size });
    }
    if (!isWarm) continue;
    spread += (Math.max(...free) - Math.min(...free)) / coresEach;
    measured++;
  }
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  return {
    "pools that a client tries": policy,
    load: percent(load),
    "refused by the first": percent((counts.second + counts.refused) / counts.leases),
    "refused, though a pool had capacity": percent(counts.refused / counts.leases),
    "emptiest less fullest pool": percent(spread / measured),
  };
}
