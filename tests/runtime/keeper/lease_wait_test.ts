/** The option `waitMs` of a lease, with real nodes. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect } from "../../../runtime/client/client.ts";
import { LeaseRefusedError } from "../../../runtime/errors.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { checkLeaseOptions } from "../../../runtime/client/lease_options.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { testFabric } from "../../support/cluster/test_fabric.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { within } from "../../support/waiting.ts";

const functions = packageOf("export const f = (i, o) => (o.set(i), i.length);");
const byte = Uint8Array.of(7);

Deno.test("`waitMs` is an integer from 0 to 600,000", () => {
  assertEquals(checkLeaseOptions({ functions }).waitMs, 0);
  assertEquals(checkLeaseOptions({ functions, waitMs: 1500 }).waitMs, 1500);
  for (const waitMs of [-1, 600_001, 1.5, NaN, Infinity, "1" as unknown as number]) {
    const shown = typeof waitMs === "string" ? JSON.stringify(waitMs) : waitMs;
    const words = `Cannot take lease: expected an integer from 0 to 600000 as waitMs, not ${shown}`;
    assertThrows(() => checkLeaseOptions({ functions, waitMs }), RangeError, words);
  }
});

Deno.test("three clients that wait for one core are each served in turn", async () => {
  await using cluster = await startCluster({ cores: 1 });
  const first = await cluster.connect();
  const held = await first.lease({ functions });
  let inside = 0;
  let served = 0;
  const waiting = [1, 2, 3].map(async () => {
    const client = await cluster.connect();
    await using lease = await client.lease({ functions, waitMs: 300000 });
    assertEquals(++inside, 1);
    assertEquals(await lease.invoke("f", byte), byte);
    inside--;
    served++;
  });
  assertEquals(served, 0);
  await held.close();
  await within(120_000, "all three", Promise.all(waiting));
  assertEquals(served, 3);
});

Deno.test("a wait that times out is refused with the reason, and closing or a signal ends a wait at once", async () => {
  await using cluster = await startCluster({ cores: 1 });
  const client = await cluster.connect();
  const held = await client.lease({ functions });
  const refused = await assertRejects(
    () => client.lease({ functions, waitMs: 300 }),
    LeaseRefusedError,
    "after a wait of 300 ms",
  );
  assertEquals(refused.reason, "full");

  const goes = new AbortController();
  const gone = assertRejects(
    () => client.lease({ functions, waitMs: 600000, signal: goes.signal }),
    Error,
    "no more",
  );
  const other = await cluster.connect();
  const closed = assertRejects(
    () => other.lease({ functions, waitMs: 600000 }),
    LeaseRefusedError,
    "closed",
  );
  // By then both are in the queue: those that end sooner came later.
  await assertRejects(() => client.lease({ functions, waitMs: 300 }), LeaseRefusedError);
  goes.abort(new Error("no more"));
  await within(20_000, "the canceled wait", gone);
  // Sooner than closing gives up on a request that does not end.
  await within(5000, "the client's end", other.close());
  await closed;
  // No other client took the core that was freed then.
  await held.close();
  await using last = await client.lease({ functions, waitMs: 300000 });
  assertEquals(await last.invoke("f", byte), byte);
});

Deno.test("a lease waits for a node that still refuses what the resource manager has freed", async () => {
  await using cluster = await startCluster({ cores: 1 });
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  const client = await cluster.connect();
  // The node learns of an end within a second; it may be much less, so no single attempt is sure to be refused.
  let refusals = 0;
  for (let i = 0; i < 10 && refusals === 0; i++) {
    await using held = await client.lease({ functions, waitMs: 300000 });
    await operator.releaseLease(held.id);
    await client.lease({ functions }).then((lease) => lease.close(), (error) => {
      if (error instanceof LeaseRefusedError && error.reason === "full") refusals++;
      else throw error;
    });
    await using lease = await client.lease({ functions, waitMs: 300000 });
    assertEquals(await lease.invoke("f", byte), byte);
  }
  assertEquals(refusals, 1);
});

Deno.test("a lease waits for its first node", async () => {
  await using cluster = await startCluster({ nodes: 0 });
  const client = await cluster.connect();
  const waiting = client.lease({ functions, waitMs: 300000 });
  await assertRejects(
    () => client.lease({ functions, waitMs: 100 }),
    LeaseRefusedError,
    "no node is up",
  );
  await cluster.startNode("late");
  await using lease = await waiting;
  assertEquals(await lease.invoke("f", byte), byte);
});

Deno.test("a lease with `waitMs` is taken once although its first response is lost, and the resource manager is away", async () => {
  await using cluster = await startCluster({ cores: 2 });
  const names: string[] = [];
  await using proxy = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      const body = request.method === "POST" ? await request.text() : null;
      const isTaking = request.method === "POST" && pathname === "/v1/leases";
      if (isTaking) names.push(JSON.parse(body!).request);
      if (isTaking && names.length === 2) return new Response("away", { status: 503 });
      const { headers, method } = request;
      const response = await fetch(cluster.managerUrl + pathname, { method, headers, body });
      if (!isTaking || names.length > 1) return response;
      await response.body?.cancel();
      return new Response("lost", { status: 502 });
    },
  );
  const manager = `http://127.0.0.1:${proxy.addr.port}`;
  await using client = await connect({ manager, token: cluster.clientToken, fabric: testFabric() });
  await using lease = await client.lease({ functions, workers: 2, waitMs: 10_000 });
  assertEquals(await lease.invoke("f", byte), byte);
  assertEquals([names.length, new Set(names).size], [3, 1], names.join());
});

Deno.test("a lease without `waitMs` is requested once more if it lapsed while the leader changed", async () => {
  await using cluster = await startCluster({ cores: 1 });
  const names: string[] = [];
  let lapses = 1;
  await using proxy = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      const body = request.method === "POST" ? await request.text() : null;
      if (request.method === "POST" && pathname === "/v1/leases") {
        names.push(JSON.parse(body!).request);
        const error = { code: "over", message: "Cannot grant lease again: it has ended: lapsed" };
        if (names.length <= lapses) return Response.json({ error }, { status: 410 });
      }
      const { headers, method } = request;
      return await fetch(cluster.managerUrl + pathname, { method, headers, body });
    },
  );
  const manager = `http://127.0.0.1:${proxy.addr.port}`;
  await using client = await connect({ manager, token: cluster.clientToken, fabric: testFabric() });
  const lease = await client.lease({ functions });
  assertEquals([names.length, new Set(names).size], [2, 2], names.join());
  await lease.close();
  lapses = Infinity;
  await assertRejects(() => client.lease({ functions }), LeaseRefusedError, "lapsed");
  assertEquals(names.length, 4, "it is not requested forever");
});
