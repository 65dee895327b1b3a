/** The RDMA device is taken away while a process uses it; in a machine of its own, since others would lose it too. */

import { assertEquals, assertMatch } from "@std/assert";
import { bootMachine } from "../../scripts/vm/machine.ts";
import { startRemote } from "./support/remote_rfaas.ts";

const PROGRAM = "tests/vm/support/outlive_device.ts";

Deno.test("verbs: a device that is removed ends its connections with a reason", async () => {
  await using machine = await bootMachine();
  const rdma = async (...args: string[]) => {
    const { code, stdout, stderr } = await machine.run(["rdma", "link", ...args]);
    assertEquals(code, 0, stderr);
    return stdout;
  };
  const [, netdev] = /netdev (\S+)/.exec(await rdma("show"))!;
  await using program = startRemote(machine, PROGRAM, []);
  assertEquals(await program.line(), "connected");
  // The kernel waits here until the last process has let go of the device.
  const removing = rdma("delete", "rxe0");
  assertEquals(await program.line(), "error: the RDMA device was removed");
  // The other end hears of the removal, or first that its peer has left because of it.
  assertMatch(await program.line(), /^(error: the RDMA device was removed|disconnected: )/);
  assertEquals(await program.line(), "receive 1: status 5");
  assertEquals(await program.status, 0, program.errors());
  await removing;
  await rdma("add", "rxe0", "type", "rxe", "netdev", netdev!);
  await using again = startRemote(machine, PROGRAM, []);
  assertEquals(await again.line(), "connected");
});
