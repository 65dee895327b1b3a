/** What holds when the resource manager is killed. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect } from "../../runtime/client/client.ts";
import { LeaseOver, LeaseRefused, ManagerUnreachable } from "../../runtime/errors.ts";
import { ProcessHost } from "../support/process_host.ts";
import { until, within } from "../support/process_table.ts";

const bytes = new Uint8Array(64).fill(5);

for (const transport of ["http", "unix"]) {
  Deno.test(`a killed resource manager (${transport}): leases go on, and are renewed when it returns`, async () => {
    await using host = await ProcessHost.start(
      transport === "http" ? { listen: "http://127.0.0.1:0" } : {},
    );
    await using client = await host.connect();
    await using lease = await host.lease(client, { seconds: 3, workers: 2 });
    const mine = await host.executor();
    await using other = await host.lease(client, { seconds: 60 });
    using call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
    const renewed = lease.status();
    const replaced = other.status();
    await host.resourceManager.kill();

    const lastMs = lease.expires.getTime();
    await assertRejects(
      () => connect({ manager: host.url, token: host.clientToken }),
      ManagerUnreachable,
    );
    await assertRejects(() => host.lease(client), ManagerUnreachable);
    Deno.kill(host.executors().find((pid) => pid !== mine)!, "SIGKILL"); // an executor is replaced without the resource manager
    for await (const { type } of replaced) if (type === "recovered") break;
    await until(
      () => lease.expires.getTime() - Date.now() < 2000 || Date.now() > lastMs,
      () => "a renewal is near",
    );
    assertEquals(call.invokeSync(64), 64);
    assertEquals(await lease.invoke("echo", bytes), bytes);
    assertEquals(await other.invoke("echo", bytes), bytes);

    await host.startResourceManager();
    assert(Date.now() < lastMs, "it was away for less than the term");
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
  });
}

Deno.test("a resource manager that stays away: a lease ends at the end of its term, no later", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  await using lease = await host.lease(client, { seconds: 2 });
  await using sync = host.startClient("hotLoop", { seconds: 2 });
  await sync.line();
  const pending = lease.invoke("never", bytes);
  await host.resourceManager.kill();
  const endMs = lease.expires.getTime();
  await assertRejects(() => within(4000, "the call under way", pending), LeaseOver);
  const lateMs = Date.now() - endMs;
  // The client reckons the end from when it was told, the node from when that was written: a busy host parts them.
  assert(lateMs > -250 && lateMs < 500, `it ended ${lateMs} ms after its term`);
  assertMatch(await within(500, "closed", lease.closed), /^expired/);
  await assertRejects(() => lease.invoke("echo", bytes), LeaseOver);
  assertEquals((await sync.line()).name, "LeaseOver");
  assertEquals(await sync.ended(), { code: 0, signal: null, stderr: "" });
  await until(() => host.executors().length === 0, () => "its executor ends", 1500);

  await host.startResourceManager();
  await host.idle(5000);
  await using next = await host.lease(client, { workers: 4 });
  assertEquals(await next.invoke("echo", bytes), bytes);
});

Deno.test("a resource manager killed while a lease begins counts it when it returns", async () => {
  await using host = await ProcessHost.start({ cores: 2 });
  await using client = await host.connect();
  const taking = host.lease(client, { workers: 2 });
  await until(() => host.executors().length === 1, () => "the node has admitted it");
  await host.resourceManager.kill();
  await using lease = await taking;
  assertEquals(await lease.invoke("echo", bytes), bytes);
  await host.startResourceManager();
  await until(
    async () => await host.freeCores() === 0 && Date.now() > lease.expires.getTime() - 57_000,
    () => "the cores are counted as taken when unclaimed ones would have lapsed",
  );
  assertEquals(await lease.invoke("echo", bytes), bytes);
  const full = await assertRejects(() => host.lease(client), LeaseRefused);
  assertEquals(full.reason, "full");
  await lease.close();
  await host.idle();
});

Deno.test("leases closed while the resource manager is away are free when it returns", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const lease = await host.lease(client, { workers: 3 });
  await host.resourceManager.kill();
  await within(3000, "closing without the resource manager", lease.close());
  assertEquals(host.executors(), []);
  await host.startResourceManager();
  await host.idle(6000); // by the node's heartbeats, after the grace for what they do not list yet
});
