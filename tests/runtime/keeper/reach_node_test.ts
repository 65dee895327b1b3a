import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { FabricError } from "../../../fabric/errors.ts";
import type { Connection } from "../../../fabric/fabric.ts";
import type { Fabrics } from "../../../fabric/open.ts";
import { connect } from "../../../runtime/client/client.ts";
import { FabricUnavailableError, NodeLostError } from "../../../runtime/errors.ts";
import {
  addressesToTry,
  type NodeLocation,
  reachNode,
} from "../../../runtime/keeper/reach_node.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { functionsPackage } from "../../support/functions/functions_package.ts";

const BOTH: NodeLocation = {
  name: "n1",
  addresses: ["shm:abc", "verbs://10.0.0.1:7471"],
  bootId: "here",
};

Deno.test("`addressesToTry()` prefers shared memory on the same host, RDMA on another, and follows a choice", () => {
  const [shm, verbs] = BOTH.addresses as [string, string];
  assertEquals(addressesToTry(BOTH, "auto", "here"), [shm, verbs]);
  assertEquals(addressesToTry(BOTH, "auto", "there"), [verbs]);
  assertEquals(addressesToTry(BOTH, "shm", "there"), [shm]);
  assertEquals(addressesToTry(BOTH, "verbs", "here"), [verbs]);
});

Deno.test("`addressesToTry()` names what a node lacks", () => {
  const only = { ...BOTH, addresses: ["shm:abc"] };
  const refusal = (choice: "auto" | "verbs", bootId: string) =>
    assertThrows(() => addressesToTry(only, choice, bootId), FabricUnavailableError).message;
  assertEquals(
    refusal("verbs", "here"),
    "Cannot reach node n1: it has no verbs address (shm:abc)",
  );
  assertEquals(
    refusal("auto", "there"),
    "Cannot reach node n1: it is another host and has no verbs address (shm:abc)",
  );
});

/** Fabrics on which connecting to an address fails with the given code, or succeeds. */
function fabricsWith(failures: Record<string, FabricError["code"] | undefined>, tried: string[]) {
  return {
    connect(address: string) {
      tried.push(address);
      const code = failures[address];
      if (!code) return Promise.resolve({} as Connection);
      const privateData = new Uint8Array(56);
      privateData.set(new TextEncoder().encode("too many clients wait"));
      return Promise.reject(
        new FabricError(`Cannot connect to ${address}: ${code}`, code, { privateData }),
      );
    },
  } as unknown as Fabrics;
}

Deno.test("`reachNode()` tries RDMA if no process listens in shared memory, but not after a rejection", async () => {
  const [shm, verbs] = BOTH.addresses as [string, string];
  const options = { arenaBytes: 64 };
  const reach = (failures: Record<string, FabricError["code"] | undefined>, tried: string[] = []) =>
    reachNode(
      { fabrics: fabricsWith(failures, tried), choice: "auto", bootId: "here" },
      BOTH,
      options,
    );
  const tried: string[] = [];
  await reach({ [shm]: "refused" }, tried);
  assertEquals(tried, [shm, verbs]);

  tried.length = 0;
  const rejected = await assertRejects(() => reach({ [shm]: "rejected" }, tried), NodeLostError);
  assertEquals(tried, [shm]);
  assertMatch(rejected.message, /rejected: too many clients wait$/);

  const lost = await assertRejects(
    () => reach({ [shm]: "refused", [verbs]: "unavailable" }),
    NodeLostError,
  );
  assertEquals(lost.outcome, "not-run");
  assertMatch(lost.message, /^Cannot reach node n1: .*shm:abc.*; .*verbs:\/\/10\.0\.0\.1:7471/);

  await assertRejects(
    () => reach({ [shm]: "unavailable", [verbs]: "unavailable" }),
    FabricUnavailableError,
  );
});

Deno.test("`connect()` refuses an unknown fabric, and reads RFAAS_FABRIC", async () => {
  const address = { manager: "http://127.0.0.1:1", token: "t" };
  const fabric = "tcp" as "auto";
  const error = await assertRejects(() => connect({ ...address, fabric }), TypeError);
  assertMatch(error.message, /expected fabric auto, shm or verbs, not "tcp"/);
  Deno.env.set("RFAAS_FABRIC", "rdma");
  try {
    const error = await assertRejects(() => connect(address), TypeError);
    assertMatch(error.message, /not "rdma"/);
  } finally {
    Deno.env.delete("RFAAS_FABRIC");
  }
});

Deno.test("`Client.lease()` over RDMA names the end that lacks it", async () => {
  await using cluster = await startCluster({ fabric: "shm" });
  await using client = await cluster.connect({}, "verbs");
  const error = await assertRejects(
    async () => await client.lease({ functions: await functionsPackage() }),
    FabricUnavailableError,
  );
  assertMatch(
    error.message,
    /^Cannot (reach node node-0: it has no verbs address \(shm:[^ ]+\)$|use the fabric: )/,
  );
});
