import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FabricError } from "../../../fabric/errors.ts";
import { Fabrics } from "../../../fabric/open.ts";
import { NodeListeners } from "../../../manager/executor/node_listeners.ts";

const device = (() => {
  try {
    return [...Deno.readDirSync("/sys/class/infiniband")].length > 0;
  } catch {
    return false;
  }
})();

Deno.test("`NodeListeners.open()` listens in shared memory, and over RDMA if there is a device", async () => {
  await using listeners = await NodeListeners.open();
  assertMatch(listeners.local, /^shm:/);
  assertEquals(
    listeners.addresses.map((address) => address.replace(/:.*/, "")),
    device ? ["shm", "verbs"] : ["shm"],
  );
});

Deno.test("`NodeListeners.open()` with fabric `shm` does not use RDMA", async () => {
  await using listeners = await NodeListeners.open({ fabric: "shm" });
  assertEquals(listeners.addresses.length, 1);
});

Deno.test(
  `\`NodeListeners.open()\` rejects with code unavailable when RDMA is required and there is no device${
    device ? " (needs a host without an RDMA device)" : ""
  }`,
  { ignore: device },
  async () => {
    for (const options of [{ fabric: "verbs" }, { fabricAddress: "127.0.0.1" }] as const) {
      const error = await assertRejects(() => NodeListeners.open(options), FabricError);
      assertEquals(error.code, "unavailable");
    }
  },
);

Deno.test("`NodeListeners.open()` rejects a malformed address, and an address for shared memory", async () => {
  for (const fabricAddress of ["a b", "10.0.0.1:70000", "10.0.0.1:x", "/dev/null", ""]) {
    const error = await assertRejects(() => NodeListeners.open({ fabricAddress }), FabricError);
    assertEquals(error.code, "address", fabricAddress);
  }
  await assertRejects(
    () => NodeListeners.open({ fabric: "shm", fabricAddress: "10.0.0.1" }),
    TypeError,
  );
});

Deno.test("`NodeListeners.serve()` passes on requests with their listener until it is shut", async () => {
  await using listeners = await NodeListeners.open({ fabric: "shm" });
  const { promise, resolve } = Promise.withResolvers<string>();
  listeners.serve((request, listener) => {
    request.reject();
    resolve(`${listener.fabric} ${listener.workersListen}`);
  });
  await using other = await NodeListeners.open({ fabric: "shm" });
  assert(other.local !== listeners.local);
  await using fabrics = new Fabrics();
  await assertRejects(() => fabrics.connect(listeners.local, { arenaBytes: 64 }), FabricError);
  assertEquals(await promise, "shm shm");
  listeners.shut();
  const error = await assertRejects(
    () => fabrics.connect(listeners.local, { arenaBytes: 64 }),
    FabricError,
  );
  assertEquals(error.code, "refused");
});
