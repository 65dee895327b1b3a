/**
 * The design for 100,000 nodes (docs/operations/large-clusters.md) as a simulation: elections, the choice of pools, shares of quotas.
 * Run it with `deno run bench/simulation/large_cluster.ts [SEED]`; the same seed prints the same tables.
 *
 * @module
 */
import { randomFrom } from "../../examples/shared/random.ts";
import { type Policy, simulateChoices } from "./pool_choice.ts";
import { simulateElections } from "./pool_election.ts";
import { simulateShares } from "./quota_shares.ts";

const POOLS = 32;
const CORES_EACH = 3125 * 64;
const POLICIES: readonly Policy[] = [
  "one at random",
  "the emptiest two",
  "the emptier of two first",
];

/** The tables as Markdown. */
export function largeCluster(seed: number): string {
  const random = randomFrom(seed);
  const elections = [1, 4].flatMap((killed) =>
    [0, 20].map((waitPerPoolMs) =>
      simulateElections({ pools: POOLS, managers: 8, killed, waitPerPoolMs, runs: 500, random })
    )
  );
  const choices = [0.9, 0.98].flatMap((load) =>
    POLICIES.map((policy) =>
      simulateChoices({
        pools: POOLS,
        coresEach: CORES_EACH,
        load,
        policy,
        seconds: 240,
        random,
      })
    )
  );
  const shares = [0.9, 0.99].flatMap((load) =>
    [64, 256, 1024].map((chunk) =>
      simulateShares({ pools: POOLS, quota: 100_000, chunk, load, steps: 400_000, random })
    )
  );
  return [elections, choices, shares].map(toMarkdown).join("\n\n");
}

function toMarkdown(rows: readonly Record<string, string>[]): string {
  const names = Object.keys(rows[0]!);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(names), line(names.map(() => "---")), ...rows.map((row) => line(Object.values(row)))]
    .join("\n");
}

if (import.meta.main) console.log(largeCluster(Number(Deno.args[0] ?? 1)));
