/** Clients that connect to a node and hold no lease: how many it keeps, and for how long. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Connection } from "../../../../fabric/fabric.ts";
import { Fabrics } from "../../../../fabric/open.ts";
import { IdleClients, type IdleSeat } from "../../../../manager/executor/leases/idle_clients.ts";
import { configure, type LogRecord, reset } from "../../../../manager/log.ts";
import {
  ControlChannel,
  ControlError,
  controlOptions,
} from "../../../../runtime/control/control_channel.ts";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { sha256Hex } from "../../../../runtime/package/sha256.ts";
import { encodeManagerHello, ManagerRole } from "../../../../runtime/protocol/manager_hello.ts";
import { type Cluster, startCluster } from "../../../support/cluster/cluster.ts";
import { within } from "../../../support/waiting.ts";
import { eventually } from "../../../support/descriptors.ts";
import { packageOf } from "../../../support/functions/functions_package.ts";
import { serveTerms } from "../../../support/cluster/serve_terms.ts";
import { anyFabric, testFabric } from "../../../support/cluster/test_fabric.ts";
import { lastingMs, limitMs } from "../../../support/time_factor.ts";

const MAX_IDLE_CLIENTS = 256;
const IDLE_CLIENT_MS = lastingMs(400);
/** The same where the client is to claim its lease in that time, although it may be interrupted. */
const HELD_IDLE_CLIENT_MS = lastingMs(1200);
const source = new Uint8Array(
  packageOf("export const f = (input, output) => (output.set(input), input.length);"),
);

function connectTo(cluster: Cluster, fabrics: Fabrics): Promise<Connection> {
  const address = cluster.nodes[0]!.addresses.find((one) => one.startsWith(testFabric()))!;
  return fabrics.connect(address, {
    ...controlOptions(source.length),
    privateData: encodeManagerHello(ManagerRole.CLIENT),
    timeoutMs: limitMs(5000),
  });
}

async function echoes(cluster: Cluster): Promise<void> {
  const client = await cluster.connect();
  const lease = await client.lease({ functions: source });
  assertEquals(await lease.invoke("f", Uint8Array.of(4, 2)), Uint8Array.of(4, 2));
  await client.close();
}

Deno.test("a newcomer takes the seat of the client that was silent longest, and of no other", () => {
  const idle = new IdleClients(60_000);
  const disconnected: number[] = [];
  const admitting = new Set<number>();
  const seats: IdleSeat[] = [];
  const connect = (at: number) => {
    const seat = idle.enter();
    if (seat !== undefined) seats.push(seat);
    seat?.limit(() => admitting.has(at), (isOverdue) => {
      assert(!isOverdue);
      disconnected.push(at);
    });
    return seat;
  };
  for (let at = 0; at < MAX_IDLE_CLIENTS; at++) connect(at);
  admitting.add(0);
  seats[1]!.leave(); // it has a lease
  connect(1000);
  assertEquals(disconnected, []);
  connect(1001);
  connect(1002);
  assertEquals(disconnected, [2, 3]);
  for (let at = 4; at < 1003; at++) admitting.add(at);
  assertEquals(connect(1003), undefined);
  assertEquals(disconnected, [2, 3]);
  for (const seat of seats) seat.leave();
});

Deno.test("a node disconnects clients that claim no lease, logs that, and serves others", async () => {
  const crowdMs = lastingMs(4000); // all of the crowd must connect before the first one is disconnected
  const warnings: LogRecord[] = [];
  await configure({
    sinks: { kept: (record) => warnings.push(record) },
    loggers: [
      { category: ["logtape", "meta"], lowestLevel: "error" },
      { category: ["rfaas"], sinks: ["kept"], lowestLevel: "warning" },
    ],
  });
  try {
    await using cluster = await startCluster({ idleClientMs: crowdMs });
    await using fabrics = new Fabrics();
    const count = testFabric() === "shm" ? MAX_IDLE_CLIENTS : 3;
    const crowd = await Promise.all(
      Array.from({ length: count }, () => connectTo(cluster, fabrics)),
    );
    await Promise.all(
      crowd.map((connection) => within(5000, "disconnecting a client", gone(connection))),
    );
    await echoes(cluster);
    const logged = warnings.filter(({ message }) => message.join("").includes("is disconnected"));
    assertEquals(logged.length, count);
    assertEquals(logged[0]!.properties.maxMs, crowdMs);
  } finally {
    await reset();
  }
});

Deno.test(anyFabric("bad requests do not keep a client without a lease connected"), async () => {
  await using cluster = await startCluster({ idleClientMs: IDLE_CLIENT_MS });
  await using fabrics = new Fabrics();
  const channel = new ControlChannel(await connectTo(cluster, fabrics));
  let refused = 0;
  const requesting = (async () => {
    for (;;) {
      const error = await assertRejects(() => channel.request("admit", {}), ControlError);
      if (error.code === "closed") return;
      refused++;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  await within(5000, "disconnecting a client", requesting);
  assert(refused > 1, `${refused} refusals`);
});

Deno.test("a client that holds a lease stays connected, and is disconnected after its end", async () => {
  await using cluster = await startCluster({ idleClientMs: HELD_IDLE_CLIENT_MS });
  await using fabrics = new Fabrics();
  const manager = new ManagerClient({ url: cluster.managerUrl, token: cluster.clientToken });
  const { lease, grants } = await manager.takeLease({
    workers: 1,
    memoryBytes: 2 ** 26,
    termMs: 60_000,
  });
  const channel = new ControlChannel(await connectTo(cluster, fabrics));
  let closed = false;
  channel.closed.then(() => closed = true);
  await channel.request("admit", {
    grant: grants[0]!.grant,
    ...serveTerms(),
    package: { sha256: await sha256Hex(source), ...channel.lend(source) },
  }, { timeoutMs: limitMs(10_000) });
  await new Promise((resolve) => setTimeout(resolve, 2 * HELD_IDLE_CLIENT_MS)); // nothing happens: there is no condition to wait for
  assertEquals(closed, false);
  await channel.request("end", {});
  await eventually(() => closed, () => "the channel is still open");
  await manager.releaseLease(lease);
  manager.close();
});

async function gone(connection: Connection): Promise<void> {
  while (connection.state === "connected") {
    await connection.wait({ timeoutMs: 100 });
    while (connection.poll());
  }
  connection.close();
}
