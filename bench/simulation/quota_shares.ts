/** The quota of one client, whose home lends shares of it to the pools that grant its leases. */

/** The sizes of a run. */
export interface ShareOptions {
  readonly pools: number;
  /** The workers that the client may have. */
  readonly quota: number;
  /** What a pool borrows at least, in workers. */
  readonly chunk: number;
  /** The share of the quota that the client would use if nothing were refused. */
  readonly load: number;
  readonly steps: number;
  readonly random: () => number;
}

const MAX_SIZE = 64;
/** A pool returns what is free beyond so many chunks. */
const KEPT_CHUNKS = 2;

/** Takes and releases leases on random pools. @returns columns of the table. */
export function simulateShares(options: ShareOptions): Record<string, string> {
  const { pools, quota, chunk, load, steps, random } = options;
  const used = Array.from({ length: pools }, () => 0);
  const share = Array.from({ length: pools }, () => 0);
  const leases: { pool: number; size: number }[] = [];
  let home = quota;
  let total = 0;
  const counts = { grants: 0, trips: 0, refused: 0, most: 0 };
  for (let step = 0; step < steps; step++) {
    const isRelease = leases.length > 0 && random() < (total / (load * quota)) / 2;
    if (isRelease) {
      const [{ pool, size }] = leases.splice(Math.floor(random() * leases.length), 1) as [
        { pool: number; size: number },
      ];
      used[pool]! -= size;
      total -= size;
      const spare = share[pool]! - used[pool]! - KEPT_CHUNKS * chunk;
      if (spare <= 0) continue;
      share[pool]! -= spare;
      home += spare;
      counts.trips++;
      continue;
    }
    const pool = Math.floor(random() * pools);
    const size = 1 + Math.floor(random() * MAX_SIZE);
    const missing = size - (share[pool]! - used[pool]!);
    if (missing > 0) {
      counts.trips++;
      const lent = Math.min(home, Math.max(missing, chunk));
      home -= lent;
      share[pool]! += lent;
    }
    if (share[pool]! - used[pool]! < size) {
      if (total + size <= quota) counts.refused++;
      continue;
    }
    used[pool]! += size;
    total += size;
    leases.push({ pool, size });
    counts.grants++;
    counts.most = Math.max(counts.most, total);
  }
  if (counts.most > quota) throw new Error(`The quota of ${quota} was exceeded: ${counts.most}`);
  const percent = (part: number) => `${(100 * part).toFixed(2)} %`;
  return {
    "borrowed at least": `${chunk}`,
    load: percent(load),
    "trips to the home per grant": (counts.trips / counts.grants).toFixed(3),
    "refused below the quota": percent(counts.refused / (counts.grants + counts.refused)),
  };
}
