/** The RDMA device is removed while a process uses it, and added again. */

import { assertEquals, assertMatch } from "@std/assert";
import type { Machine } from "../../../scripts/vm/machine.ts";
import { startRemote } from "../cluster/remote_rfaas.ts";

const PROGRAM = "tests/support/fabric/outlive_device.ts";

/** Removes the machine's device and restores it. */
export async function deviceSteps(t: Deno.TestContext, machine: Machine): Promise<void> {
  await t.step(
    "verbs: a device that is removed ends its connections with a reason",
    () => removed(machine),
  );
}

async function removed(machine: Machine): Promise<void> {
  const rdma = async (...args: string[]) => {
    const { code, stdout, stderr } = await machine.run(["rdma", "link", ...args]);
    assertEquals(code, 0, stderr);
    return stdout;
  };
  const [, netdev] = /netdev (\S+)/.exec(await rdma("show"))!;
  await using program = startRemote(machine, PROGRAM, []);
  assertEquals(await program.line(), "connected");
  // The kernel blocks here until the last process has closed the device.
  const removing = rdma("delete", "rxe0");
  assertEquals(await program.line(), "error: the RDMA device was removed");
  // The other end notices the removal, or before that the disconnect of its peer.
  assertMatch(await program.line(), /^(error: the RDMA device was removed|disconnected: )/);
  assertEquals(await program.line(), "receive 1: status 5");
  assertEquals(await program.status, 0, program.errors());
  await removing;
  await rdma("add", "rxe0", "type", "rxe", "netdev", netdev!);
  await using again = startRemote(machine, PROGRAM, []);
  assertEquals(await again.line(), "connected");
}
