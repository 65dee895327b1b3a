/** What a run of chaos_test.ts does, all of it drawn from one seed. */

import fc from "fast-check";

/** A fault, made after a pause; it lasts for a while where it is one that passes. */
export interface Fault {
  readonly pauseMs: number;
  readonly kind: "kill-node" | "stop-node" | "drain-node" | "kill-manager" | "stop-manager";
  /** Which node, counted from 0. */
  readonly node: number;
  readonly lastsMs: number;
}

/** What one client does with one lease. */
export interface LeasePlan {
  readonly workers: number;
  readonly memoryMiB: number;
  /** The term. */
  readonly seconds: number;
  readonly calls: readonly { readonly name: "echo" | "hold"; readonly bytes: number }[];
}

/** More than a run has time for. */
const MANY = 500;

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

export function leasesOf(seed: number): LeasePlan[] {
  return fc.sample(
    fc.record({
      // Some ask for more than any node has: several nodes serve them.
      workers: fc.oneof(
        { weight: 3, arbitrary: fc.integer({ min: 1, max: 3 }) },
        { weight: 2, arbitrary: fc.integer({ min: 5, max: 6 }) },
      ),
      memoryMiB: fc.constantFrom(64, 128, 256),
      seconds: fc.integer({ min: 2, max: 8 }),
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
