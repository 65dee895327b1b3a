import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FabricError } from "../../fabric/errors.ts";
import { Fabrics } from "../../fabric/open.ts";
import { NodeDoors } from "../../manager/executor/node_doors.ts";

const device = (() => {
  try {
    return [...Deno.readDirSync("/sys/class/infiniband")].length > 0;
  } catch {
    return false;
  }
})();

Deno.test("NodeDoors.open() listens in shared memory always, and over RDMA where there is a device", async () => {
  await using doors = await NodeDoors.open();
  assertMatch(doors.local, /^shm:/);
  assertEquals(
    doors.addresses.map((address) => address.replace(/:.*/, "")),
    device ? ["shm", "verbs"] : ["shm"],
  );
});

Deno.test("NodeDoors.open() with fabric shm touches no RDMA", async () => {
  await using doors = await NodeDoors.open({ fabric: "shm" });
  assertEquals(doors.addresses.length, 1);
});

Deno.test(
  `NodeDoors.open() fails by name when RDMA is asked for and not there${
    device ? " (ignored: this host has a device)" : ""
  }`,
  { ignore: device },
  async () => {
    for (const options of [{ fabric: "verbs" }, { fabricAddress: "127.0.0.1" }] as const) {
      const error = await assertRejects(() => NodeDoors.open(options), FabricError);
      assertEquals(error.code, "unavailable");
    }
  },
);

Deno.test("NodeDoors.open() refuses an address that is none, and one for shared memory", async () => {
  for (const fabricAddress of ["a b", "10.0.0.1:70000", "10.0.0.1:x", "/dev/null", ""]) {
    const error = await assertRejects(() => NodeDoors.open({ fabricAddress }), FabricError);
    assertEquals(error.code, "address", fabricAddress);
  }
  await assertRejects(
    () => NodeDoors.open({ fabric: "shm", fabricAddress: "10.0.0.1" }),
    TypeError,
  );
});

Deno.test("NodeDoors.serve() hands on requests until it is shut, and tells which door they came by", async () => {
  await using doors = await NodeDoors.open({ fabric: "shm" });
  const { promise, resolve } = Promise.withResolvers<string>();
  doors.serve((request, door) => {
    request.reject();
    resolve(`${door.fabric} ${door.workersListen}`);
  });
  await using other = await NodeDoors.open({ fabric: "shm" });
  assert(other.local !== doors.local);
  await using fabrics = new Fabrics();
  await assertRejects(() => fabrics.connect(doors.local, { arenaBytes: 64 }), FabricError);
  assertEquals(await promise, "shm shm");
  doors.shut();
  const error = await assertRejects(
    () => fabrics.connect(doors.local, { arenaBytes: 64 }),
    FabricError,
  );
  assertEquals(error.code, "refused");
});
