/** The memory of slots counts as any other: no client takes more of a node than it lends. */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { openShm } from "../../../fabric/shm/provider.ts";
import {
  ControlChannel,
  ControlError,
  controlOptions,
} from "../../../runtime/control/control_channel.ts";
import { LeaseRefusedError } from "../../../runtime/errors.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { sha256Hex } from "../../../runtime/package/sha256.ts";
import { encodeManagerHello, ManagerRole } from "../../../runtime/protocol/manager_hello.ts";
import { firstIndexes } from "../../../runtime/protocol/serve_terms.ts";
import { slotMemoryBytes, type SlotNeeds } from "../../../runtime/protocol/slot_memory.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { serveTerms } from "../../support/cluster/serve_terms.ts";
import { limitMs } from "../../support/time_factor.ts";

const MIB = 2 ** 20;
const source = new Uint8Array(
  packageOf("export const f = (input, output) => (output.set(input), input.length);"),
);

Deno.test("a lease takes the memory of its slots as well, and is refused if a node has too little", async () => {
  await using cluster = await startCluster({ cores: 4, memoryBytes: 512 * MIB, fabric: "shm" });
  const manager = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  const freeBytes = async () => (await manager.nodes()).nodes[0]!.freeMemoryBytes;
  const client = await cluster.connect();
  const request = { functions: source, memory: "64MiB" };
  const slots = { workers: 2, depth: 4, maxBytes: 16 * MIB };
  {
    await using lease = await client.lease({ ...request, ...slots });
    assertEquals(await lease.invoke("f", Uint8Array.of(4, 2)), Uint8Array.of(4, 2));
    assertEquals(await freeBytes(), 512 * MIB - 64 * MIB - slotMemoryBytes(slots));
    const more = { workers: 1, depth: 8, maxBytes: 16 * MIB };
    const full = await assertRejects(
      () => client.lease({ ...request, ...more }),
      LeaseRefusedError,
    );
    assertEquals(full.reason, "full");
    assertStringIncludes(
      full.message,
      `with ${slotMemoryBytes(more)} bytes for the slots of 1 worker, depth 8 and maxBytes ${
        16 * MIB
      }`,
    );
  }
  const whole = { workers: 4, depth: 256, maxBytes: 64 * MIB }; // 128 GiB
  await assertRejects(
    () => client.lease({ ...request, ...whole }),
    LeaseRefusedError,
    "no node has",
  );
  assertEquals(await freeBytes(), 512 * MIB);
  manager.close();
});

Deno.test("a node refuses a claim whose slots need more than its grant, which is not used up", async () => {
  await using cluster = await startCluster({ cores: 4, memoryBytes: 512 * MIB, fabric: "shm" });
  const manager = new ManagerClient({ url: cluster.managerUrl, token: cluster.clientToken });
  await using fabric = openShm();
  const connection = await fabric.connect(cluster.nodes[0]!.addresses[0]!, {
    ...controlOptions(source.length),
    privateData: encodeManagerHello(ManagerRole.CLIENT),
  });
  using channel = new ControlChannel(connection);
  const { lease, grants } = await manager.takeLease({
    workers: 2,
    memoryBytes: 64 * MIB,
    termMs: 60_000,
  });
  const admit = ({ workers, ...slots }: SlotNeeds) =>
    channel.request("admit", {
      grant: grants[0]!.grant,
      ...serveTerms({ ...slots, workerIndexes: firstIndexes(workers) }),
      package: { sha256: sha256, ...lent },
    }, { timeoutMs: limitMs(10_000) });
  const sha256 = await sha256Hex(source);
  const lent = channel.lend(source);
  const greedy = [
    { workers: 2, depth: 256, maxBytes: 2 ** 30 - 64 }, // a TiB
    { workers: 2, depth: 4, maxBytes: 4 * MIB }, // twice 32 MiB and some
    { workers: 1, depth: 4, maxBytes: 4 * MIB }, // its share is one half
  ];
  for (const slots of greedy) {
    const refused = await assertRejects(() => admit(slots), ControlError);
    assertEquals(refused.code, "memory");
    const share = 64 * MIB / 2 * slots.workers;
    assertStringIncludes(refused.message, `${slotMemoryBytes(slots)} bytes for the slots of`);
    assertStringIncludes(refused.message, `exceed the ${share} bytes of the grant`);
  }
  await admit({ workers: 2, depth: 4, maxBytes: 3 * MIB });
  await channel.request("end", {});
  await manager.releaseLease(lease);
  manager.close();
});
