import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { MemoryStore } from "../../manager/resource/memory_store.ts";
import {
  checkPlacement,
  chooseCandidates,
  type Placement,
  placementNames,
} from "../../manager/resource/placement.ts";
import { TestManager } from "./resource_support.ts";

interface Cores {
  cores: number;
  taken: number;
}

const nowMs = 10_000;

/** Names of the chosen nodes, which are called by their place in the list. */
async function choose(nodes: readonly Cores[], workers: number, placement: Placement) {
  const store = new MemoryStore();
  return await store.transact((tx) => {
    nodes.forEach(({ cores, taken }, at) => {
      const [id, name] = [String(at), `n${String(at).padStart(3, "0")}`];
      const rest = { memoryBytes: 100, addresses: ["shm:x"], bootId: "b", epoch: 1, drainMs: null };
      tx.putNode({ id, name, cores, lastSeenMs: nowMs, ...rest });
      if (taken === 0) return;
      const ends = { claimByMs: 0, claimedMs: 0, endReason: null };
      tx.putAllocation({
        lease: "x",
        node: id,
        workers: taken,
        memoryBytes: 0,
        state: "claimed",
        ...ends,
      });
    });
    return chooseCandidates(tx, { workers, memoryBytes: 1 }, nowMs, placement)
      .map(({ id }) => Number(id));
  });
}

const nodes = [
  { cores: 4, taken: 3 },
  { cores: 8, taken: 0 },
  { cores: 8, taken: 4 },
  { cores: 2, taken: 0 },
  { cores: 8, taken: 8 },
  { cores: 4, taken: 1 },
];

Deno.test("`spread` offers the emptiest nodes first", async () => {
  assertEquals(await choose(nodes, 2, "spread"), [1, 2, 5]);
});

Deno.test("`pack` offers the fullest nodes that have room first", async () => {
  assertEquals(await choose(nodes, 2, "pack"), [3, 5, 2]);
  assertEquals(await choose(nodes, 5, "pack"), [1]);
});

Deno.test("`random-of-two` seldom offers the fullest node first, and each at times", async () => {
  const two = [{ cores: 8, taken: 0 }, { cores: 8, taken: 7 }];
  let fuller = 0;
  // The fuller one is first only if it is drawn twice: one time in four.
  for (let n = 0; n < 400; n++) fuller += (await choose(two, 1, "random-of-two"))[0]!;
  assert(fuller > 40 && fuller < 160, `${fuller} of 400`);
});

Deno.test("each placement offers up to three different nodes that have room, the same as the others", async () => {
  const node = fc.record({ cores: fc.integer({ min: 1, max: 9 }), taken: fc.nat(9) })
    .map(({ cores, taken }) => ({ cores, taken: Math.min(cores, taken) }));
  await fc.assert(
    fc.asyncProperty(fc.array(node), fc.integer({ min: 1, max: 9 }), async (all, workers) => {
      const free = all.map(({ cores, taken }) => cores - taken);
      const fitting = free.filter((cores) => cores >= workers).sort((a, b) => a - b);
      for (const name of placementNames) {
        const chosen = await choose(all, workers, name);
        assertEquals(new Set(chosen).size, Math.min(3, fitting.length), name);
        assert(chosen.every((at) => free[at]! >= workers), name);
        const cores = chosen.map((at) => free[at]!);
        if (name === "pack") assertEquals(cores, fitting.slice(0, 3));
        if (name === "spread") assertEquals(cores, fitting.toReversed().slice(0, 3));
      }
    }),
  );
});

Deno.test("a placement that is not known is refused with the list", () => {
  const error = assertThrows(() => checkPlacement("toString"), TypeError);
  assertEquals(
    error.message,
    'Cannot place leases by "toString": there are spread, pack, random-of-two',
  );
});

Deno.test("`startResourceManager()` places by the policy that it was given", async () => {
  await using test = await TestManager.start({ placement: "pack" });
  for (const cores of [8, 2, 4]) await test.register(`n${cores}`, { cores });
  const { grants } = await test.client.takeLease({ workers: 2, memoryBytes: 1, seconds: 9 });
  assertEquals(grants.map(({ name }) => name), ["n2", "n4", "n8"]);
});
