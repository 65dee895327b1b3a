/** A lease that is given up while its executor boots. */
import { assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../../runtime/client/client.ts";
import { LeaseRefusedError } from "../../../runtime/errors.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { testFabric } from "../../support/cluster/test_fabric.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { children } from "../../support/processes/process_table.ts";
import { until } from "../../support/waiting.ts";

const functions = packageOf("export const f = (i, o) => (o.set(i), i.length);");
const byte = Uint8Array.of(7);

Deno.test("an aborted lease, or one whose client has gone, ends the executor that boots and frees its cores", async () => {
  await using cluster = await startCluster({ cores: 1 });
  const client = await cluster.connect();
  for (const end of ["abort", "close"]) {
    const goes = new AbortController();
    const leaving = await cluster.connect();
    const taking = assertRejects(() => leaving.lease({ functions, signal: goes.signal }));
    await until(() => children(Deno.pid).length === 1, () => "an executor boots", 20_000);
    Deno.kill(children(Deno.pid)[0]!, "SIGSTOP"); // it would boot for 20 s, until its manager gives up
    if (end === "abort") goes.abort();
    else void leaving.close();
    await until(() => children(Deno.pid).length === 0, () => "no executor is left", 2500);
    await taking;
    await using lease = await client.lease({ functions, waitMs: 10_000 });
    assertEquals(await lease.invoke("f", byte), byte, end);
  }
});

for (const waitMs of [0, 60_000]) {
  Deno.test(`a lease with waitMs ${waitMs} that is given up while it is granted frees its cores at once`, async () => {
    await using cluster = await startCluster({ cores: 1 });
    const goes = new AbortController();
    const requests: string[] = [];
    await using proxy = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        const { pathname } = new URL(request.url);
        const response = await fetch(cluster.managerUrl + pathname, {
          method: request.method,
          headers: request.headers,
          ...(request.method === "POST" ? { body: await request.bytes() } : {}),
        });
        requests.push(`${request.method} ${response.status}`);
        if (response.status !== 201) return response;
        goes.abort();
        await taking; // the keeper has the abort before the grant
        return response;
      },
    );
    const manager = `http://127.0.0.1:${proxy.addr.port}`;
    const client = await connect({ manager, token: cluster.clientToken, fabric: testFabric() });
    const taking = assertRejects(() => client.lease({ functions, waitMs, signal: goes.signal }));
    await taking;
    await until(() => requests.at(-1) === "DELETE 204", () => `its release: ${requests}`, 1500);
    await client.close();
  });
}

Deno.test("a lease whose term ends while its executor boots is refused with that reason", async () => {
  await using cluster = await startCluster({ cores: 1 });
  const client = await cluster.connect();
  const taking = assertRejects(
    () => client.lease({ functions, termMs: 1000 }),
    LeaseRefusedError,
    "Cannot start an executor: the lease is over: its term is over",
  );
  await until(() => children(Deno.pid).length === 1, () => "an executor boots", 20_000);
  Deno.kill(children(Deno.pid)[0]!, "SIGSTOP");
  await taking;
  assertEquals(children(Deno.pid), []);
});
