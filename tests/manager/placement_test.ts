import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { MemoryStore } from "../../manager/resource/memory_store.ts";
import {
  checkPlacement,
  chooseCandidates,
  type Placement,
  placementNames,
} from "../../manager/resource/placement.ts";
import { maxOffers } from "../../manager/resource/policy.ts";
import type { Taken } from "../../manager/resource/store.ts";
import { TestManager } from "./resource_support.ts";

interface Cores {
  cores: number;
  taken: number;
}

const nowMs = 10_000;

/** The chosen nodes, which are called by their place in the list. */
async function choose(nodes: readonly Cores[], workers: number, placement: Placement) {
  return (await offer(nodes, { workers, memoryBytes: 1 }, placement)).map(({ at }) => at);
}

/** What is offered of which nodes. Each has 100 bytes. */
async function offer(
  nodes: readonly Cores[],
  asked: Taken,
  placement: Placement = "spread",
  owed: readonly Taken[] = [],
) {
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
    return chooseCandidates(tx, asked, nowMs, placement, owed)
      .map(({ node, workers, memoryBytes }) => ({ at: Number(node.id), workers, memoryBytes }));
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
      if (fitting.length === 0) return;
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

const free = (cores: number) => ({ cores, taken: 0 });

Deno.test("what no node has room for is offered in parts, largest first, with one refusal to spare", async () => {
  const parts = await offer([2, 4, 4, 1, 4, 4].map(free), { workers: 6, memoryBytes: 12 });
  assertEquals(parts.map(({ at, workers, memoryBytes }) => [at, workers, memoryBytes]), [
    [1, 4, 8],
    [2, 4, 8],
    [4, 4, 8],
    [5, 4, 8],
  ]);
  assertEquals(await choose([4, 2].map(free), 6, "pack"), [0, 1]);
  assertEquals(await choose([4, 1].map(free), 6, "spread"), []);
  assertEquals((await choose(Array(200).fill(free(1)), 100, "spread")).length, 0);
  assertEquals((await choose(Array(200).fill(free(1)), maxOffers, "spread")).length, maxOffers);
});

Deno.test("parts have no more memory than their nodes, and together enough for all workers", async () => {
  const cores = fc.record({ cores: fc.integer({ min: 1, max: 9 }), taken: fc.nat(9) })
    .map(({ cores, taken }) => ({ cores, taken: Math.min(cores, taken) }));
  const asked = fc.record({ workers: fc.integer({ min: 1, max: 30 }), memoryBytes: fc.nat(1500) });
  await fc.assert(fc.asyncProperty(fc.array(cores), asked, async (all, asked) => {
    const offers = await offer(all, asked);
    const each = Math.ceil(asked.memoryBytes / asked.workers);
    const room = all.map(({ cores, taken }) =>
      Math.min(cores - taken, each === 0 ? Infinity : Math.floor(100 / each))
    );
    const sum = room.reduce((a, b) => a + b, 0);
    if (sum >= asked.workers) assert(offers.length > 0, "there is room");
    let workers = 0;
    for (const { at, workers: few, memoryBytes } of offers) {
      const { cores, taken } = all[at]!;
      assert(few >= 1 && few <= cores - taken && few <= asked.workers && memoryBytes <= 100);
      const share = Math.ceil(asked.memoryBytes / asked.workers * few);
      assertEquals(memoryBytes, few === asked.workers ? asked.memoryBytes : share);
      workers += few;
    }
    if (offers.length > 0) assert(workers >= asked.workers);
  }));
});

Deno.test("nodes are kept for who was passed too often: one that is large enough, else as many as it needs", async () => {
  const nodes = [
    { cores: 4, taken: 3 },
    { cores: 4, taken: 2 },
    { cores: 4, taken: 1 },
  ];
  const one = { workers: 1, memoryBytes: 1 };
  const left = async (workers: number) =>
    (await offer(nodes, one, "spread", [{ workers, memoryBytes: 1 }])).map(({ at }) => at);
  assertEquals(await left(4), [1, 0], "the nearest to having room is kept");
  assertEquals(await left(8), [0], "two are kept");
  assertEquals(await left(12), [], "all are kept");
  assertEquals(await left(13), [2, 1, 0], "none is: it would help nobody");
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
