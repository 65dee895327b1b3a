import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { MemoryStore } from "../../../../manager/resource/store/memory_store.ts";
import { chooseCandidates } from "../../../../manager/resource/leases/candidates.ts";
import {
  checkPlacement,
  drawFor,
  type Placement,
  placementNames,
} from "../../../../manager/resource/leases/placement.ts";
import { MAX_OFFERS } from "../../../../manager/resource/policy.ts";
import type { Resources } from "../../../../manager/resource/store/store.ts";
import { TestManager } from "../../../support/manager/test_manager.ts";
import { nodeRow } from "../../../support/manager/store_rows.ts";
import { TwiceStore } from "../../../support/manager/twice_store.ts";

interface Cores {
  cores: number;
  used: number;
}

const nowMs = 10_000;

/** The chosen nodes, as indexes of the list. */
async function choose(nodes: readonly Cores[], workers: number, placement: Placement) {
  return (await offer(nodes, { workers, memoryBytes: 1 }, placement)).map(({ at }) => at);
}

/** The offers, with nodes as indexes of the list. Each node has 100 bytes. */
async function offer(
  nodes: readonly Cores[],
  request: Resources,
  placement: Placement = "spread",
  starving: readonly Resources[] = [],
) {
  const draws = drawFor(placement);
  const options = {
    aliveSinceMs: nowMs,
    placement,
    draws,
    starving,
    awaited: new Set<string>(),
    avoid: new Set<string>(),
    reserves: true,
  };
  const store = new TwiceStore(new MemoryStore());
  return await store.transact((tx) => {
    nodes.forEach(({ cores, used }, at) => {
      const [id, name] = [String(at), `n${String(at).padStart(3, "0")}`];
      tx.putNode(nodeRow(id, { name, cores, memoryBytes: 100, lastSeenMs: nowMs }));
      if (used === 0) return;
      const ends = { claimByMs: 0, claimedMs: 0, endReason: null };
      tx.putAllocation({
        lease: "x",
        node: id,
        workers: used,
        memoryBytes: 0,
        reservedWorkers: 0,
        state: "claimed",
        ...ends,
      });
    });
    return chooseCandidates(tx, request, options)
      .map(({ node, workers, memoryBytes }) => ({ at: Number(node.id), workers, memoryBytes }));
  });
}

const nodes = [
  { cores: 4, used: 3 },
  { cores: 8, used: 0 },
  { cores: 8, used: 4 },
  { cores: 2, used: 0 },
  { cores: 8, used: 8 },
  { cores: 4, used: 1 },
];

Deno.test("`spread` offers the emptiest nodes first", async () => {
  assertEquals(await choose(nodes, 2, "spread"), [1, 2, 5]);
});

Deno.test("`pack` offers the fullest nodes that fit first", async () => {
  assertEquals(await choose(nodes, 2, "pack"), [3, 5, 2]);
  assertEquals(await choose(nodes, 5, "pack"), [1]);
});

Deno.test("`random-of-two` rarely offers the fullest node first, and sometimes each node", async () => {
  const two = [{ cores: 8, used: 0 }, { cores: 8, used: 7 }];
  let fuller = 0;
  // The fuller node is first only if it is drawn twice: one time in four.
  for (let n = 0; n < 400; n++) fuller += (await choose(two, 1, "random-of-two"))[0]!;
  assert(fuller > 40 && fuller < 160, `${fuller} of 400`);
});

Deno.test("each placement offers up to three different nodes that fit, as many as the others", async () => {
  const node = fc.record({ cores: fc.integer({ min: 1, max: 9 }), used: fc.nat(9) })
    .map(({ cores, used }) => ({ cores, used: Math.min(cores, used) }));
  await fc.assert(
    fc.asyncProperty(fc.array(node), fc.integer({ min: 1, max: 9 }), async (all, workers) => {
      const free = all.map(({ cores, used }) => cores - used);
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

const free = (cores: number) => ({ cores, used: 0 });

Deno.test("a request that fits on no node is offered in parts, largest first, with a surplus for one refusal", async () => {
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
  assertEquals((await choose(Array(200).fill(free(1)), MAX_OFFERS, "spread")).length, MAX_OFFERS);
});

Deno.test("parts fit on their nodes, and together cover all workers", async () => {
  const cores = fc.record({ cores: fc.integer({ min: 1, max: 9 }), used: fc.nat(9) })
    .map(({ cores, used }) => ({ cores, used: Math.min(cores, used) }));
  const request = fc.record({
    workers: fc.integer({ min: 1, max: 30 }),
    memoryBytes: fc.nat(1500),
  });
  await fc.assert(fc.asyncProperty(fc.array(cores), request, async (all, request) => {
    const offers = await offer(all, request);
    const each = Math.ceil(request.memoryBytes / request.workers);
    const capacity = all.map(({ cores, used }) =>
      Math.min(cores - used, each === 0 ? Infinity : Math.floor(100 / each))
    );
    const sum = capacity.reduce((a, b) => a + b, 0);
    if (sum >= request.workers) assert(offers.length > 0, "all nodes together fit the request");
    let workers = 0;
    for (const { at, workers: few, memoryBytes } of offers) {
      const { cores, used } = all[at]!;
      assert(few >= 1 && few <= cores - used && few <= request.workers && memoryBytes <= 100);
      const share = Math.ceil(request.memoryBytes / request.workers * few);
      assertEquals(memoryBytes, few === request.workers ? request.memoryBytes : share);
      workers += few;
    }
    if (offers.length > 0) assert(workers >= request.workers);
  }));
});

Deno.test("nodes are reserved for a starving request: one that is large enough, else as many as it needs", async () => {
  const nodes = [
    { cores: 4, used: 3 },
    { cores: 4, used: 2 },
    { cores: 4, used: 1 },
  ];
  const one = { workers: 1, memoryBytes: 1 };
  const left = async (workers: number) =>
    (await offer(nodes, one, "spread", [{ workers, memoryBytes: 1 }])).map(({ at }) => at);
  assertEquals(await left(4), [1, 0], "the emptiest node is reserved");
  assertEquals(await left(8), [0], "two nodes are reserved");
  assertEquals(await left(12), [], "all nodes are reserved");
  assertEquals(await left(13), [2, 1, 0], "no node is reserved, since all together are too small");
});

Deno.test("an unknown placement is refused with the list of policies", () => {
  const error = assertThrows(() => checkPlacement("toString"), TypeError);
  assertEquals(
    error.message,
    'Cannot place leases by "toString": known policies are spread, pack, random-of-two',
  );
});

Deno.test("`startResourceManager()` uses the policy of its options", async () => {
  await using test = await TestManager.start({ placement: "pack" });
  for (const cores of [8, 2, 4]) await test.register(`n${cores}`, { cores });
  const { grants } = await test.client.takeLease({ workers: 2, memoryBytes: 1, termMs: 9_000 });
  assertEquals(grants.map(({ name }) => name), ["n2", "n4", "n8"]);
});
