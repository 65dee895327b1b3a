/** The virtual machines themselves. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Machine, MachinePair } from "../../../scripts/vm/machine.ts";

/** Ten tries of a client to reach a server that is starting. */
const TRY = "for i in 1 2 3 4 5 6 7 8 9 10; do";

/** The machines reach each other, and their link and clock can be stopped and restored. */
export async function machineSteps(t: Deno.TestContext, pair: MachinePair): Promise<void> {
  const { one, two } = pair;

  await t.step("a ping through the connection manager arrives whole", async () => {
    const { code, stdout, stderr } = await ping(pair);
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /rdma-ping-4/);
  });
  await t.step("`cutLink()` takes the port down, `restoreLink()` brings it back", async () => {
    await one.cutLink();
    await untilPort(one, "DOWN");
    await one.restoreLink();
    await untilPort(one, "ACTIVE");
    const { code, stderr } = await ping(pair);
    assertEquals(code, 0, stderr);
  });
  await t.step("`pause()` stops a machine", async () => {
    await two.pause();
    await assertRejects(() => two.run(["true"], { timeoutMs: 2_000 }));
    await two.resume();
    assertEquals((await two.run(["true"])).code, 0);
  });
}

async function ping({ one, two }: MachinePair): ReturnType<Machine["run"]> {
  const server = two.spawn(["rping", "-s", "-C", "5"]);
  const result = await one.run(
    ["sh", "-c", `${TRY} rping -c -a ${two.address} -C 5 -v && exit; sleep 0.5; done; exit 1`],
  );
  await server.kill("SIGKILL");
  await server.status;
  return result;
}

/** Waits for the port's state: the kernel takes a moment to notice the cable. */
async function untilPort(machine: Machine, state: string): Promise<void> {
  const { code, stdout } = await machine.run(
    [
      "sh",
      "-c",
      `${TRY} rdma link | grep 'state ${state}' && exit; sleep 0.5; done; rdma link; exit 1`,
    ],
  );
  assertEquals(code, 0, stdout);
}
