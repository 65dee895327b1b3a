import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { FabricError } from "../../../fabric/errors.ts";
import type { Connection } from "../../../fabric/fabric.ts";
import type { Fabrics } from "../../../fabric/open.ts";
import { connect } from "../../../runtime/client/client.ts";
import { FabricUnavailable, NodeLost } from "../../../runtime/errors.ts";
import { addressesToTry, type NodePlace, reachNode } from "../../../runtime/keeper/reach_node.ts";
import { startCluster } from "../../support/cluster.ts";
import { functionsPackage } from "../../support/functions_package.ts";

const BOTH: NodePlace = {
  name: "n1",
  addresses: ["shm:abc", "verbs://10.0.0.1:7471"],
  bootId: "here",
};

Deno.test("addressesToTry() takes shared memory on the same host, RDMA on another, and what is asked for", () => {
  const [shm, verbs] = BOTH.addresses as [string, string];
  assertEquals(addressesToTry(BOTH, "auto", "here"), [shm, verbs]);
  assertEquals(addressesToTry(BOTH, "auto", "there"), [verbs]);
  assertEquals(addressesToTry(BOTH, "shm", "there"), [shm]);
  assertEquals(addressesToTry(BOTH, "verbs", "here"), [verbs]);
});

Deno.test("addressesToTry() says what a node lacks", () => {
  const only = { ...BOTH, addresses: ["shm:abc"] };
  const refusal = (choice: "auto" | "verbs", bootId: string) =>
    assertThrows(() => addressesToTry(only, choice, bootId), FabricUnavailable).message;
  assertEquals(
    refusal("verbs", "here"),
    "Cannot reach node n1: it has no verbs address (shm:abc)",
  );
  assertEquals(
    refusal("auto", "there"),
    "Cannot reach node n1: it is another host and has no verbs address (shm:abc)",
  );
});

/** Fabrics that answer each address as told: with an error's code, or not at all. */
function fabricsThat(answers: Record<string, FabricError["code"] | undefined>, tried: string[]) {
  return {
    connect(address: string) {
      tried.push(address);
      const code = answers[address];
      if (!code) return Promise.resolve({} as Connection);
      const privateData = new Uint8Array(56);
      privateData.set(new TextEncoder().encode("too many clients wait"));
      return Promise.reject(
        new FabricError(`Cannot connect to ${address}: ${code}`, code, { privateData }),
      );
    },
  } as unknown as Fabrics;
}

Deno.test("reachNode() goes on to RDMA when nobody listens in shared memory, and not when it was rejected", async () => {
  const [shm, verbs] = BOTH.addresses as [string, string];
  const options = { arenaBytes: 64 };
  const reach = (answers: Record<string, FabricError["code"] | undefined>, tried: string[] = []) =>
    reachNode(
      { fabrics: fabricsThat(answers, tried), choice: "auto", bootId: "here" },
      BOTH,
      options,
    );
  const tried: string[] = [];
  await reach({ [shm]: "refused" }, tried);
  assertEquals(tried, [shm, verbs]);

  tried.length = 0;
  const rejected = await assertRejects(() => reach({ [shm]: "rejected" }, tried), NodeLost);
  assertEquals(tried, [shm]);
  assertMatch(rejected.message, /rejected: too many clients wait$/);

  const lost = await assertRejects(
    () => reach({ [shm]: "refused", [verbs]: "unavailable" }),
    NodeLost,
  );
  assertEquals(lost.outcome, "not-run");
  assertMatch(lost.message, /^Cannot reach node n1: .*shm:abc.*; .*verbs:\/\/10\.0\.0\.1:7471/);

  await assertRejects(
    () => reach({ [shm]: "unavailable", [verbs]: "unavailable" }),
    FabricUnavailable,
  );
});

Deno.test("connect() refuses a fabric that there is not, and takes RFAAS_FABRIC", async () => {
  const address = { manager: "http://127.0.0.1:1", token: "t" };
  const fabric = "tcp" as "auto";
  const error = await assertRejects(() => connect({ ...address, fabric }), TypeError);
  assertMatch(error.message, /fabric must be auto, shm or verbs, not "tcp"/);
  Deno.env.set("RFAAS_FABRIC", "rdma");
  try {
    const error = await assertRejects(() => connect(address), TypeError);
    assertMatch(error.message, /not "rdma"/);
  } finally {
    Deno.env.delete("RFAAS_FABRIC");
  }
});

Deno.test("Client.lease() over RDMA that client or node has not says which of the two lacks it", async () => {
  await using cluster = await startCluster({ fabric: "shm" });
  await using client = await cluster.connect({}, "verbs");
  const error = await assertRejects(
    async () => await client.lease({ functions: await functionsPackage() }),
    FabricUnavailable,
  );
  assertMatch(
    error.message,
    /^Cannot (reach node node-0: it has no verbs address \(shm:[^ ]+\)$|use the fabric: )/,
  );
});
