/** The plan of a run of chaos_test.ts, drawn from one seed. */

import fc from "fast-check";

/** A fault after a pause. A stop or a drain lasts for a time. */
export interface Fault {
  readonly pauseMs: number;
  readonly kind: "kill-node" | "stop-node" | "drain-node" | "kill-manager" | "stop-manager";
  /** The node, counted from 0. */
  readonly node: number;
  readonly lastsMs: number;
}

/** The lease of a client, and its calls. */
export interface LeasePlan {
  readonly workers: number;
  readonly memoryMiB: number;
  readonly termMs: number;
  readonly calls: readonly { readonly name: "echo" | "hold"; readonly bytes: number }[];
}

/** More entries than a run has time for. */
const MANY = 500;

/** The faults of a run. */
export function faultsOf(seed: number, nodes: number): Fault[] {
  return fc.sample(
    fc.record({
      pauseMs: fc.integer({ min: 300, max: 2500 }),
      kind: fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom("kill-node", "stop-node", "drain-node") },
        { weight: 1, arbitrary: fc.constantFrom("kill-manager", "stop-manager") },
      ),
      node: fc.nat(nodes - 1),
      lastsMs: fc.integer({ min: 100, max: 4000 }),
    }),
    { seed, numRuns: MANY },
  );
}

/** The leases of a client. */
export function leasesOf(seed: number): LeasePlan[] {
  return fc.sample(
    fc.record({
      // Some need more than any node has, so several nodes serve them.
      workers: fc.oneof(
        { weight: 3, arbitrary: fc.integer({ min: 1, max: 3 }) },
        { weight: 2, arbitrary: fc.integer({ min: 5, max: 6 }) },
      ),
      memoryMiB: fc.constantFrom(64, 128, 256),
      termMs: fc.integer({ min: 2000, max: 8000 }),
      calls: fc.array(
        fc.record({
          name: fc.constantFrom("echo" as const, "echo" as const, "hold" as const),
          bytes: fc.integer({ min: 1, max: 4096 }),
        }),
        { maxLength: 200, size: "max" },
      ),
    }),
    { seed, numRuns: MANY },
  );
}
