/** Clients that connect to a node and hold no lease: what they can take from others, and for how long. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { FabricError } from "../../fabric/errors.ts";
import type { Connection } from "../../fabric/fabric.ts";
import { Fabrics } from "../../fabric/open.ts";
import { configure, type LogRecord, reset } from "../../manager/log.ts";
import {
  ControlChannel,
  ControlError,
  controlOptions,
} from "../../runtime/control/control_channel.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { sha256Hex } from "../../runtime/package/sha256.ts";
import { encodeManagerHello, ManagerRole } from "../../runtime/protocol/manager_hello.ts";
import { refusalText } from "../../runtime/protocol/private_data.ts";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { within } from "../support/cluster_lease.ts";
import { eventually } from "../support/descriptors.ts";
import { packageOf } from "../support/functions_package.ts";
import { anyFabric, testFabric } from "../support/test_fabric.ts";
import { limitMs } from "../support/time_factor.ts";

const PLACES = 256;
const LEASELESS_MS = limitMs(400);
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

Deno.test("a node sends clients away that ask for no lease, says so, and others have their places", async () => {
  const warnings: LogRecord[] = [];
  await configure({
    sinks: { kept: (record) => warnings.push(record) },
    loggers: [
      { category: ["logtape", "meta"], lowestLevel: "error" },
      { category: ["rfaas"], sinks: ["kept"], lowestLevel: "warning" },
    ],
  });
  try {
    await using cluster = await startCluster({ leaselessMs: LEASELESS_MS });
    await using fabrics = new Fabrics();
    const count = testFabric() === "shm" ? PLACES : 3;
    const crowd = await Promise.all(
      Array.from({ length: count }, () => connectTo(cluster, fabrics)),
    );
    if (count === PLACES) {
      const refused = await assertRejects(() => connectTo(cluster, fabrics), FabricError);
      assertEquals(refusalText(refused.privateData), "too many clients wait");
    }
    await Promise.all(
      crowd.map((connection) => within(5000, "sending a client away", gone(connection))),
    );
    await echoes(cluster);
    const said = warnings.filter(({ message }) => message.join("").includes("sent away"));
    assertEquals(said.length, count);
    assertEquals(said[0]!.properties.maxMs, LEASELESS_MS);
  } finally {
    await reset();
  }
});

Deno.test(anyFabric("bad requests keep no client on a node that it has no lease of"), async () => {
  await using cluster = await startCluster({ leaselessMs: LEASELESS_MS });
  await using fabrics = new Fabrics();
  const channel = new ControlChannel(await connectTo(cluster, fabrics));
  let refused = 0;
  const asking = (async () => {
    for (;;) {
      const error = await assertRejects(() => channel.request("admit", {}), ControlError);
      if (error.code === "closed") return;
      refused++;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  await within(5000, "sending a client away", asking);
  assert(refused > 1, `${refused} refusals`);
});

Deno.test("a client that holds a lease stays, and is sent away when that has ended", async () => {
  await using cluster = await startCluster({ leaselessMs: LEASELESS_MS });
  await using fabrics = new Fabrics();
  const manager = new ManagerClient({ url: cluster.managerUrl, token: cluster.clientToken });
  const channel = new ControlChannel(await connectTo(cluster, fabrics));
  let closed = false;
  channel.closed.then(() => closed = true);
  const { lease, grants } = await manager.takeLease({
    workers: 1,
    memoryBytes: 2 ** 26,
    seconds: 60,
  });
  await channel.request("admit", {
    grant: grants[0]!.grant,
    workers: 1,
    depth: 1,
    maxBytes: 64,
    hotMs: 1,
    package: { sha256: await sha256Hex(source), ...channel.lend(source) },
  }, { timeoutMs: limitMs(10_000) });
  await new Promise((resolve) => setTimeout(resolve, 2 * LEASELESS_MS)); // nothing happens: no condition tells of it
  assertEquals(closed, false);
  await channel.request("end", {});
  await eventually(() => closed, () => "the channel is open still");
  await manager.endLease(lease);
  manager.close();
});

async function gone(connection: Connection): Promise<void> {
  while (connection.state === "connected") {
    await connection.wait({ timeoutMs: 100 });
    while (connection.poll());
  }
  connection.close();
}
