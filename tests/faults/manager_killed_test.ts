/** Resource managers that are killed. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../runtime/client/client.ts";
import {
  LeaseOverError,
  LeaseRefusedError,
  ManagerUnreachableError,
} from "../../runtime/errors.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { shortLease } from "../support/cluster/short_lease.ts";
import { limitMs } from "../support/time_factor.ts";
import { until, within } from "../support/waiting.ts";

const bytes = new Uint8Array(64).fill(5);

for (const transport of ["http", "unix"]) {
  Deno.test(`leases go on while the resource manager (${transport}) is down, and are renewed when it restarts`, async () => {
    // Again with a longer term if the restart outlasts it.
    for (let termMs = 3_000; !await goesOn(transport, termMs); termMs *= 2);
  });
}

/** @returns whether the resource manager was down for less than the term. */
async function goesOn(transport: string, firstMs: number): Promise<boolean> {
  await using host = await ProcessHost.start(
    transport === "http" ? { listen: "http://127.0.0.1:0" } : {},
  );
  await using client = await host.connect();
  await using other = await host.lease(client, { termMs: 60_000 });
  const others = await host.executor();
  const { lease, termMs } = await shortLease(
    (termMs) => host.lease(client, { termMs, workers: 2 }),
    firstMs,
  );
  using call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
  const renewed = lease.status();
  const replaced = other.status();
  await host.resourceManager.kill();

  const lastMs = lease.expires.getTime();
  await assertRejects(
    () => connect({ manager: host.url, token: host.clientToken }),
    ManagerUnreachableError,
  );
  await assertRejects(() => host.lease(client), ManagerUnreachableError);
  Deno.kill(others, "SIGKILL"); // the node replaces it without the resource manager
  for await (const { type } of replaced) if (type === "recovered") break;
  await until(
    () => lease.expires.getTime() - Date.now() < 2 / 3 * termMs || Date.now() > lastMs,
    () => "a renewal is due soon",
  );
  if (Date.now() > lastMs - termMs / 3) return false;
  assertEquals(call.invokeSync(64), 64);
  assertEquals(await lease.invoke("echo", bytes), bytes);
  assertEquals(await other.invoke("echo", bytes), bytes);

  await host.startResourceManager();
  if (Date.now() > lastMs - termMs / 6) return false;
  for await (const event of renewed) {
    if (event.type === "renewed" && event.expires.getTime() > lastMs) break;
    assert(event.type === "renewed", `${event.type}`);
  }
  await until(() => Date.now() > lastMs, () => "the old term is over");
  assertEquals(call.invokeSync(64), 64);
  assertEquals(await lease.invoke("echo", bytes), bytes);
  await until(async () => await host.freeCores() === 1, () => "it counts three cores as taken");
  await other.close();
  await until(async () => await host.freeCores() === 2, () => "it counts two cores as taken");
  await lease.close();
  await host.idle();
  return true;
}

Deno.test("a lease ends no later than its term while the resource manager stays down", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const { lease } = await shortLease((termMs) => host.lease(client, { termMs }), 2_000);
  await using sync = host.startClient("hotLoop", { termMs: 2_000 });
  await sync.line();
  const pending = lease.invoke("never", bytes);
  await host.resourceManager.kill();
  const endMs = lease.expires.getTime();
  await assertRejects(() => within(4000, "the call under way", pending), LeaseOverError);
  const lateMs = Date.now() - endMs;
  // Client and node count the term from different moments, which differ on a busy host.
  assert(lateMs > -limitMs(250) && lateMs < limitMs(500), `it ended ${lateMs} ms after its term`);
  assertEquals((await within(500, "closed", lease.closed)).code, "expired");
  await assertRejects(() => lease.invoke("echo", bytes), LeaseOverError);
  assertEquals((await sync.line()).name, "LeaseOverError");
  assertEquals(await sync.ended(), { code: 0, signal: null, stderr: "" });
  await until(() => host.executors().length === 0, () => "its executor ends", 1500);

  await host.startResourceManager();
  await host.idle(5000);
  await using next = await host.lease(client, { workers: 4 });
  assertEquals(await next.invoke("echo", bytes), bytes);
});

Deno.test("a resource manager killed while a lease begins counts the lease after its restart", async () => {
  await using host = await ProcessHost.start({ cores: 2 });
  await using client = await host.connect();
  const taking = host.lease(client, { workers: 2 });
  await until(() => host.executors().length === 2, () => "the node has admitted it");
  await host.resourceManager.kill();
  await using lease = await taking;
  assertEquals(await lease.invoke("echo", bytes), bytes);
  await host.startResourceManager();
  await until(
    async () => await host.freeCores() === 0 && Date.now() > lease.expires.getTime() - 57_000,
    () => "the cores are counted as taken when unclaimed ones would have lapsed",
  );
  assertEquals(await lease.invoke("echo", bytes), bytes);
  const full = await assertRejects(() => host.lease(client), LeaseRefusedError);
  assertEquals(full.reason, "full");
  await lease.close();
  await host.idle();
});

Deno.test("the cores of leases closed while the resource manager is down are free after its restart", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const lease = await host.lease(client, { workers: 3 });
  await host.resourceManager.kill();
  await within(3000, "closing without the resource manager", lease.close());
  assertEquals(host.executors(), []);
  await host.startResourceManager();
  await host.idle(6000); // by the node's heartbeats, after the time granted to leases that they do not list yet
});
