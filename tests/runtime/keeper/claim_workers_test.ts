/** Who is asked for how many workers, and what a refusal costs: one more claim, and no request to the resource manager. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import fc from "fast-check";
import { LeaseRefused } from "../../../runtime/errors.ts";
import { connect } from "../../../runtime/client/client.ts";
import { claimWorkers } from "../../../runtime/keeper/claim_workers.ts";
import type { NodeGrant } from "../../../runtime/http/manager_api.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { startCluster } from "../../support/cluster.ts";
import { packageOf } from "../../support/functions_package.ts";
import { testFabric } from "../../support/test_fabric.ts";

const functions = packageOf("export const f = (i, o) => (o.set(i), i.length);");

function grantsOf(workers: readonly number[]): NodeGrant[] {
  return workers.map((workers, at) => ({
    node: `${at}`,
    name: `n${at}`,
    addresses: ["shm:x"],
    bootId: "b",
    workers,
    grant: "",
  }));
}

function placesOf(workers: number): number[] {
  return Array.from({ length: workers }, (_, place) => place);
}

Deno.test("one that has room for all is asked alone, and each as often as the others", async () => {
  const first = new Map<string, number>();
  for (let i = 0; i < 300; i++) {
    const { held } = await claimWorkers(
      grantsOf([4, 2, 4, 4]),
      placesOf(4),
      ({ node }, places) => Promise.resolve([node, places.length] as const),
    );
    assertEquals(held.length, 1);
    assertEquals(held[0]![1], 4);
    first.set(held[0]![0], (first.get(held[0]![0]) ?? 0) + 1);
  }
  assertEquals(new Set(first.keys()), new Set(["0", "2", "3"]));
  for (const count of first.values()) assert(count > 50, `${[...first]}`);
});

Deno.test("several are asked at once, and the last for what is left", async () => {
  let asked = 0;
  const all = Promise.withResolvers<void>();
  const { held, missing } = await claimWorkers(
    grantsOf([2, 2, 2]),
    placesOf(5),
    async (_, places) => {
      if (++asked === 3) all.resolve();
      await all.promise; // nobody is answered before all were asked
      return places.length;
    },
  );
  assertEquals(held, [2, 2, 1]);
  assertEquals(missing, 0);
});

Deno.test("a refusal costs one claim of the next one, and the places are those that it left", async () => {
  for (let i = 0; i < 50; i++) {
    let claims = 0;
    const places: number[] = [];
    const { missing, refusal } = await claimWorkers(
      grantsOf([2, 2, 2, 2]),
      placesOf(6),
      (_, some) => {
        if (++claims === 1) return Promise.reject(new LeaseRefused("no", "full"));
        places.push(...some);
        return Promise.resolve();
      },
    );
    assertEquals([claims, missing, refusal?.error instanceof LeaseRefused], [4, 0, true]);
    assertEquals(places.toSorted(), placesOf(6));
  }
});

Deno.test("whatever refuses, no place is given twice, no grant is used twice, and none is asked in vain", async () => {
  const candidates = fc.array(
    fc.record({ workers: fc.integer({ min: 1, max: 5 }), refuses: fc.boolean() }),
  );
  await fc.assert(
    fc.asyncProperty(candidates, fc.integer({ min: 1, max: 12 }), async (list, workers) => {
      const grants = grantsOf(list.map(({ workers }) => workers));
      const asked: string[] = [];
      const { held, missing } = await claimWorkers(grants, placesOf(workers), (grant, places) => {
        asked.push(grant.node);
        assert(places.length >= 1 && places.length <= grant.workers);
        return list[Number(grant.node)]!.refuses
          ? Promise.reject(new Error("no"))
          : Promise.resolve(places);
      });
      assertEquals(new Set(asked).size, asked.length, "a grant was used twice");
      const places = held.flat();
      assertEquals(new Set(places).size, places.length, "a place was given twice");
      assertEquals(places.length + missing, workers);
      const sum = list.reduce((sum, { workers }) => sum + workers, 0);
      if (sum < workers) assertEquals(asked, [], "they have too little together");
      const spare = list.filter((_, at) => !asked.includes(`${at}`))
        .reduce((sum, { workers }) => sum + workers, 0);
      if (missing > 0) assert(spare < missing, "others could have had it");
    }),
  );
});

/** Counts what is asked of a resource manager. */
function countRequests(url: string) {
  const counted: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    counted.push(`${request.method} ${pathname.replace(/[0-9a-f]{32}/g, "ID")}`);
    return fetch(url + pathname, {
      method: request.method,
      headers: request.headers,
      ...(request.body ? { body: request.body } : {}),
    });
  });
  return { counted, url: `http://127.0.0.1:${server.addr.port}`, close: () => server.shutdown() };
}

Deno.test("real nodes that refuse are passed without another request, and too few give everything back", async () => {
  await using cluster = await startCluster({ cores: 2, nodes: 3 });
  // Their grants name other nodes than those that answer at their addresses, which refuse them.
  using registrar = new ManagerClient({ url: cluster.managerUrl, token: cluster.nodeToken });
  const ghost = () =>
    registrar.registerNode({
      name: "ghost",
      cores: 2,
      memoryBytes: 2 ** 32,
      addresses: cluster.nodes[0]!.addresses,
      bootId: Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim(),
    });
  const counting = countRequests(cluster.managerUrl);
  const client = await connect({
    manager: counting.url,
    token: cluster.clientToken,
    fabric: testFabric(),
  });
  try {
    for (const workers of [5, 1, 6, 2, 5]) {
      await ghost(); // it does not beat
      counting.counted.length = 0;
      const lease = await client.lease({ functions, workers, memory: "64MiB" });
      assert(!lease.nodes.includes("ghost"));
      assertEquals(counting.counted, ["POST /v1/leases"], `${workers} workers`);
      await lease.close();
    }
    // Seven need the ghost.
    await ghost();
    counting.counted.length = 0;
    const refused = await assertRejects(
      () => client.lease({ functions, workers: 7 }),
      LeaseRefused,
    );
    assertMatch(refused.message, /nodes admitted 5 of 7 workers|nodes admitted 6 of 7 workers/);
    assertMatch(refused.message, /Node ghost refused: .* names another node/);
    assertEquals(refused.reason, "bad-grant");
    assertEquals(counting.counted, ["POST /v1/leases", "DELETE /v1/leases/ID"]);
    await using all = await client.lease({ functions, workers: 6, memory: "64MiB" });
    assertEquals(all.parts.length, 3);
  } finally {
    await client.close();
    await counting.close();
  }
});
