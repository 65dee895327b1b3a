/** Resource managers that a signal stops: their connections stay open, and nothing responds. */

import { assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../runtime/client/client.ts";
import { ManagerUnreachableError } from "../../runtime/errors.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { stop } from "../support/processes/process_child.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { shortLease } from "../support/cluster/short_lease.ts";
import { until, within } from "../support/waiting.ts";

const bytes = new Uint8Array(64).fill(5);
/** The resource manager counts a node as lost after this time without a heartbeat. */
const LOST_MS = 3000;

Deno.test("while the resource manager is stopped leases go on and requests fail by name, and afterwards no node is lost", async () => {
  // Again with a longer term if the stop outlasts it.
  for (let termMs = 8_000; !await goesOn(termMs); termMs *= 2);
});

/** @returns whether the resource manager was stopped for less than the term. */
async function goesOn(firstMs: number): Promise<boolean> {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const { lease, termMs } = await shortLease((termMs) => host.lease(client, { termMs }), firstMs);
  const events: string[] = [];
  (async () => {
    for await (const { type } of lease.status()) events.push(type);
  })();
  const endMs = lease.expires.getTime();
  await stop(host.resourceManager.pid);
  const sinceMs = performance.now();
  using manager = new ManagerClient({ url: host.url, token: host.clientToken, timeoutMs: 300 });
  const memoryBytes = 2 ** 20;
  const left = assertRejects(
    () => manager.takeLease({ workers: 3, memoryBytes, termMs: 5_000 }),
    ManagerUnreachableError,
    "no response within 300 ms",
  );
  const refused = assertRejects(
    () => connect({ manager: host.url, token: host.clientToken }),
    ManagerUnreachableError,
  );
  const refusedLease = assertRejects(() => host.lease(client), ManagerUnreachableError);
  assertEquals(await lease.invoke("echo", bytes), bytes);
  Deno.kill(await host.executor(), "SIGKILL");
  await until(() => events.includes("recovered"), () => "the node replaces its executor");
  assertEquals(await lease.invoke("echo", bytes), bytes);
  await within(8000, "the refusals", Promise.all([left, refused, refusedLease]));
  await until(() => performance.now() - sinceMs > LOST_MS, () => "it was stopped long enough");
  host.resourceManager.signal("SIGCONT");
  if (Date.now() > endMs - termMs / 8) return false;

  // The requests of clients that have gone meanwhile reserve nothing.
  await using other = await host.lease(client, { workers: 3 });
  assertEquals(await other.invoke("echo", bytes), bytes);
  await until(() => Date.now() > endMs, () => "the old term is over", termMs);
  assertEquals(await lease.invoke("echo", bytes), bytes);
  assertEquals(events.filter((type) => type !== "renewed"), ["lost", "recovered"]);
  await Promise.all([lease.close(), other.close()]);
  await host.idle();
  return true;
}
