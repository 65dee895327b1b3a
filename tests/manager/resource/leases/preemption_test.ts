/** The choice of the leases that leave for a request: enough of them, none too many, and of low priorities. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { choosePreemption, type Leaving } from "../../../../manager/resource/leases/preemption.ts";
import { MemoryTransaction } from "../../../../manager/resource/store/memory_transaction.ts";
import { UndoLog } from "../../../../manager/resource/store/undo_log.ts";
import { allocationRow, leaseRow, nodeRow } from "../../../support/manager/store_rows.ts";

interface Held {
  readonly lease: string;
  readonly node: string;
  readonly workers: number;
  /** The client, whose name is its priority. */
  readonly priority: number;
  readonly claimedMs?: number;
  readonly state?: "claimed" | "candidate";
}

/** Rows of nodes with 8 cores, on which leases are held. */
function rowsOf(nodes: readonly string[], held: readonly Held[]): MemoryTransaction {
  const tx = new MemoryTransaction(new UndoLog());
  for (const node of nodes) tx.putNode(nodeRow(node));
  for (const { lease, node, workers, priority, claimedMs = 1, state = "claimed" } of held) {
    tx.putLease(leaseRow(lease, { client: `${priority}`, workers }));
    const more = { workers, memoryBytes: workers, reservedWorkers: workers, state, claimedMs };
    tx.putAllocation(allocationRow(lease, node, more));
  }
  return tx;
}

/** Chooses for a request of priority 5. */
function choose(
  tx: MemoryTransaction,
  workers: number,
  { leaving = [], avoid = [] }: { leaving?: readonly Leaving[]; avoid?: readonly string[] } = {},
) {
  const priorityOf = (client: string) => Number(client) < 5 ? Number(client) : undefined;
  const leavingFrom = (id: string) => leaving.filter(({ node }) => node === id);
  const options = {
    aliveSinceMs: 0,
    avoid: new Set(avoid),
    priorityOf,
    lowestPriority: 0,
    leavingFrom,
  };
  const found = choosePreemption(tx, { workers, memoryBytes: workers }, options);
  return found && [found.node.id, ...found.leases];
}

Deno.test("leases of the lowest priority leave, of these the youngest, and no more than necessary", () => {
  const tx = rowsOf(["n"], [
    { lease: "a", node: "n", workers: 2, priority: 1, claimedMs: 1 },
    { lease: "b", node: "n", workers: 2, priority: 1, claimedMs: 2 },
    { lease: "c", node: "n", workers: 2, priority: 0 },
    { lease: "d", node: "n", workers: 2, priority: 5 },
  ]);
  assertEquals(choose(tx, 1), ["n", "c"]);
  assertEquals(choose(tx, 3), ["n", "c", "b"]);
  assertEquals(choose(tx, 6), ["n", "c", "b", "a"]);
  assertEquals(choose(tx, 7), undefined, "d has the same priority");
  // One that is enough alone replaces those of the same priority that were chosen before it.
  const large = rowsOf(["n"], [
    { lease: "s", node: "n", workers: 1, priority: 0, claimedMs: 9 },
    { lease: "l", node: "n", workers: 7, priority: 0, claimedMs: 1 },
  ]);
  assertEquals(choose(large, 7), ["n", "l"]);
});

Deno.test("the node whose leases have the lowest priority is chosen, then that with the fewest workers", () => {
  const tx = rowsOf(["m", "n", "o"], [
    { lease: "a", node: "m", workers: 8, priority: 1 },
    { lease: "b", node: "n", workers: 5, priority: 0 },
    { lease: "x", node: "n", workers: 3, priority: 9 },
    { lease: "c", node: "o", workers: 4, priority: 0 },
    { lease: "y", node: "o", workers: 4, priority: 9 },
  ]);
  assertEquals(choose(tx, 2), ["o", "c"]);
  assertEquals(choose(tx, 2, { avoid: ["o"] }), ["n", "b"]);
  assertEquals(choose(tx, 5), ["n", "b"]);
  assertEquals(choose(tx, 6), ["m", "a"]);
  assertEquals(choose(tx, 9), undefined, "no node has so many cores");
  tx.putNode(nodeRow("o", { drainMs: 1, cores: 8 }));
  tx.putNode(nodeRow("n", { lastSeenMs: -1 }));
  assertEquals(choose(tx, 2), ["m", "a"]);
});

Deno.test("leases that leave already count for the requests for which they do, and for others what they leave over", () => {
  const tx = rowsOf(["n"], [
    { lease: "a", node: "n", workers: 4, priority: 0 },
    { lease: "b", node: "n", workers: 4, priority: 1 },
  ]);
  const request = { workers: 3, memoryBytes: 3 };
  const leaving = [{ node: "n", request, leases: new Set(["a"]), workers: 4 }];
  assertEquals(choose(tx, 1, { leaving }), ["n"]);
  assertEquals(choose(tx, 2, { leaving }), ["n", "b"]);
  assertEquals(choose(tx, 5, { leaving }), ["n", "b"]);
  assertEquals(choose(tx, 6, { leaving }), undefined);
});

Deno.test("a candidate is not preempted: its client may claim it on another node", () => {
  const tx = rowsOf(["n"], [
    { lease: "a", node: "n", workers: 8, priority: 0, state: "candidate" },
  ]);
  assertEquals(choose(tx, 1), undefined);
});

Deno.test("whatever leases there are, those that leave have lower priorities, are enough, and none of them could stay", () => {
  const lease = fc.record({
    node: fc.constantFrom("m", "n", "o"),
    workers: fc.integer({ min: 1, max: 6 }),
    priority: fc.integer({ min: 0, max: 7 }),
    claimedMs: fc.nat(3),
  });
  fc.assert(
    fc.property(
      fc.array(lease, { maxLength: 12 }),
      fc.integer({ min: 1, max: 9 }),
      (leases, workers) => {
        const used = new Map<string, number>();
        const held: Held[] = [];
        for (const [at, each] of leases.entries()) {
          const sum = (used.get(each.node) ?? 0) + each.workers;
          if (sum > 8) continue;
          used.set(each.node, sum);
          held.push({ ...each, lease: `l${at}` });
        }
        const tx = rowsOf(["m", "n", "o"], held);
        const free = (node: string, without: readonly string[]) =>
          held.filter((each) => each.node === node && !without.includes(each.lease))
            .reduce((left, each) => left - each.workers, 8);
        const [node, ...chosen] = choose(tx, workers) ?? [];
        if (node === undefined) {
          for (const each of ["m", "n", "o"]) {
            const lower = held.filter(({ priority }) => priority < 5).map(({ lease }) => lease);
            assert(free(each, lower) < workers, "all lower ones together would have been enough");
          }
          return;
        }
        assert(free(node, chosen) >= workers);
        for (const lease of chosen) {
          assert(
            free(node, chosen.filter((other) => other !== lease)) < workers,
            `${lease} could stay`,
          );
          const row = held.find((each) => each.lease === lease)!;
          assert(row.priority < 5 && row.node === node);
        }
      },
    ),
  );
});
