/** The claims on each candidate, and the cost of a refusal: one more claim, and no request to the resource manager. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import fc from "fast-check";
import { LeaseRefusedError } from "../../../runtime/errors.ts";
import { connect } from "../../../runtime/client/client.ts";
import { claimWorkers } from "../../../runtime/keeper/claim_workers.ts";
import type { NodeGrant } from "../../../runtime/http/manager_api.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { firstIndexes } from "../../../runtime/protocol/serve_terms.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { testFabric } from "../../support/cluster/test_fabric.ts";

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

Deno.test("`claimWorkers()` claims on the first candidate that can serve all workers", async () => {
  const { claims, refusals } = await claimWorkers(
    grantsOf([2, 4, 4, 4]),
    firstIndexes(4),
    ({ node }, indexes) =>
      node === "1" ? Promise.reject(new Error("no")) : Promise.resolve([node, indexes.length]),
  );
  assertEquals(claims, [["2", 4]]);
  assertEquals(refusals.map(({ candidate }) => candidate.node), ["1"]);
});

Deno.test("`claimWorkers()` claims on several candidates at once, on the last one for the rest", async () => {
  let attempts = 0;
  const all = Promise.withResolvers<void>();
  const { claims, missing } = await claimWorkers(
    grantsOf([2, 2, 2]),
    firstIndexes(5),
    async (_, indexes) => {
      if (++attempts === 3) all.resolve();
      await all.promise; // no claim ends before all have begun
      return indexes.length;
    },
  );
  assertEquals(claims, [2, 2, 1]);
  assertEquals(missing, 0);
});

Deno.test("a refusal costs one claim on the next candidate, for the same workers", async () => {
  const error = new LeaseRefusedError("no", "full");
  for (let refusing = 0; refusing < 3; refusing++) {
    let attempts = 0;
    const claimed: number[] = [];
    const { missing, refusals } = await claimWorkers(
      grantsOf([2, 2, 2, 2]),
      firstIndexes(6),
      (_, indexes) => {
        if (attempts++ === refusing) return Promise.reject(error);
        claimed.push(...indexes);
        return Promise.resolve();
      },
    );
    assertEquals([attempts, missing, refusals.map(({ error }) => error)], [4, 0, [error]]);
    assertEquals(claimed.toSorted(), firstIndexes(6));
  }
});

Deno.test("the next candidate follows a refusal while other nodes still start executors", async () => {
  const next = Promise.withResolvers<void>();
  const { claims } = await claimWorkers(
    grantsOf([2, 2, 2, 2]),
    firstIndexes(4),
    async ({ node }) => {
      if (node === "0") throw new Error("no");
      if (node === "1") await next.promise; // admitted only after the next candidate was tried
      else next.resolve();
      return node;
    },
  );
  assertEquals(claims, ["2", "1"]);
});

Deno.test("whichever candidates refuse, no worker and no grant is used twice, and no claim is useless", async () => {
  const candidates = fc.array(
    fc.record({ workers: fc.integer({ min: 1, max: 5 }), refuses: fc.boolean() }),
  );
  await fc.assert(
    fc.asyncProperty(candidates, fc.integer({ min: 1, max: 12 }), async (list, workers) => {
      const grants = grantsOf(list.map(({ workers }) => workers));
      const tried: string[] = [];
      const { claims, missing } = await claimWorkers(
        grants,
        firstIndexes(workers),
        (grant, indexes) => {
          tried.push(grant.node);
          assert(indexes.length >= 1 && indexes.length <= grant.workers);
          return list[Number(grant.node)]!.refuses
            ? Promise.reject(new Error("no"))
            : Promise.resolve(indexes);
        },
      );
      assertEquals(new Set(tried).size, tried.length, "a grant was used twice");
      const indexes = claims.flat();
      assertEquals(new Set(indexes).size, indexes.length, "a worker was claimed twice");
      assertEquals(indexes.length + missing, workers);
      const sum = list.reduce((sum, { workers }) => sum + workers, 0);
      if (sum < workers) assertEquals(tried, [], "together they have too few workers");
      const spare = list.filter((_, at) => !tried.includes(`${at}`))
        .reduce((sum, { workers }) => sum + workers, 0);
      if (missing > 0) assert(spare < missing, "other candidates could have served them");
    }),
  );
});

/** Counts the requests to a resource manager. */
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

Deno.test("a lease passes nodes that refuse without another request, then requests others, and releases everything if too few admit", async () => {
  await using cluster = await startCluster({ cores: 2, nodes: 3 });
  // Its grants name another node than the one at its addresses, which refuses them.
  using registrar = new ManagerClient({ url: cluster.managerUrl, token: cluster.nodeToken });
  const lost = {
    memoryBytes: 2 ** 32,
    bootId: Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim(),
  };
  const { addresses } = cluster.nodes[0]!;
  const ghost = () => registrar.registerNode({ ...lost, name: "ghost", cores: 2, addresses });
  const counting = countRequests(cluster.managerUrl);
  const client = await connect({
    manager: counting.url,
    token: cluster.clientToken,
    fabric: testFabric(),
  });
  try {
    for (const workers of [5, 1, 6, 2, 5]) {
      await ghost(); // it sends no heartbeat
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
      LeaseRefusedError,
    );
    assertMatch(refused.message, /nodes admitted 5 of 7 workers|nodes admitted 6 of 7 workers/);
    assertMatch(refused.message, /Node ghost refused: .* names another node/);
    assertEquals(refused.reason, "bad-grant");
    assertEquals(counting.counted, ["POST /v1/leases", "DELETE /v1/leases/ID"]);
    await using all = await client.lease({ functions, workers: 6, memory: "64MiB" });
    assertEquals(all.parts.length, 3);
    await all.close();
    const burst = await Promise.all(
      Array.from({ length: 6 }, () => client.lease({ functions, memory: "64MiB" })),
    );
    assertEquals(new Set(burst.map(({ nodes }) => nodes.join())).size, 3);
    await Promise.all(burst.map((lease) => lease.close()));

    // All candidates are nodes without a process at their addresses.
    for (const name of ["gone1", "gone2", "gone3"]) {
      await registrar.registerNode({ ...lost, name, cores: 8, addresses: ["shm:gone"] });
    }
    counting.counted.length = 0;
    await using last = await client.lease({ functions, workers: 2, memory: "64MiB" });
    assert(!last.nodes[0]!.startsWith("gone"));
    assertEquals(counting.counted, ["POST /v1/leases", "DELETE /v1/leases/ID", "POST /v1/leases"]);
  } finally {
    await client.close();
    await counting.close();
  }
});
