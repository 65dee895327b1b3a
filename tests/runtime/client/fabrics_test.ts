/** The providers of a process, opened when an address needs them. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FabricError } from "../../../fabric/errors.ts";
import { Fabrics } from "../../../fabric/open.ts";
import { holdings } from "../../support/processes/process_table.ts";

Deno.test("`Fabrics` opens the provider of an address, and no other", async () => {
  const loaded = () => /lib(ibverbs|rdmacm)/.test(Deno.readTextFileSync("/proc/self/maps"));
  const before = loaded(); // loaded by another test of this process
  await using fabrics = new Fabrics();
  using listener = await fabrics.listen("shm");
  assert(listener.address.startsWith("shm:"), listener.address);
  const [client, server] = await Promise.all([
    fabrics.connect(listener.address, { arenaBytes: 64 }),
    listener.accept().then((request) => request!.accept({ arenaBytes: 64 })),
  ]);
  assertEquals([client.state, server.state], ["connected", "connected"]);
  client.close();
  server.close();
  assertEquals(loaded(), before);
});

Deno.test("`Fabrics.connect()` refuses an address without a provider", async () => {
  await using fabrics = new Fabrics();
  const error = await assertRejects(
    () => fabrics.connect("tcp://127.0.0.1:80", { arenaBytes: 64 }),
    FabricError,
  );
  assertEquals(error.code, "address");
});

Deno.test("`Fabrics.close()` releases all providers, and may be called twice", async () => {
  const before = holdings(Deno.pid).descriptors;
  const fabrics = new Fabrics();
  fabrics.of("shm");
  assert(holdings(Deno.pid).descriptors > before);
  fabrics.close();
  fabrics.close();
  await fabrics.closed;
  assertEquals(holdings(Deno.pid).descriptors, before);
  const error = assertThrows(() => fabrics.of("shm"), FabricError);
  assertEquals(error.code, "state");
});
