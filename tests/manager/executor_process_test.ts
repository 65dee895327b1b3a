/** How a node ends an executor that goes on though its channel has ended, and what its bound leaves behind. */

import { assert, assertEquals } from "@std/assert";
import { Fabrics } from "../../fabric/open.ts";
import type { ConnectionRequest } from "../../fabric/fabric.ts";
import { openLibc } from "../../ffi/libc.ts";
import { ExecutorProcess } from "../../manager/executor/executor_process.ts";
import { ResidentWatch } from "../../manager/executor/limits/resident_watch.ts";
import { controlOptions } from "../../runtime/control_channel.ts";
import { within } from "../support/process_table.ts";
import { testListenPlace } from "../support/test_fabric.ts";

/** What the kernel shows is inside of a sandbox: the container's own process, which outlives what started it. */
const INSIDE = 4_000_001;

Deno.test("an executor in a container that lets go of its channel and goes on is killed inside as well", async () => {
  const libc = openLibc();
  await using fabrics = new Fabrics();
  using listener = await fabrics.listen(testListenPlace());
  const killed: number[] = [];
  await using memory = new ResidentWatch(libc, "a test");
  const connecting = fabrics.connect(listener.address, controlOptions(0));
  const executor = await ExecutorProcess.boot(
    { program: "/bin/sleep", options: { args: ["600"], stdin: "piped", stderr: "piped" } },
    {
      managerAddress: listener.address,
      cpuNs: () => undefined,
      kill: (pid) => killed.push(pid),
      memory,
    },
    async (): Promise<ConnectionRequest> => {
      const request = (await listener.accept())!;
      return {
        privateData: request.privateData,
        peerProcess: INSIDE,
        accept: (options) => request.accept(options),
        reject: () => request.reject(),
      };
    },
  );
  assertEquals(executor.pid, INSIDE);
  (await connecting).close();
  assertEquals(
    await within(10_000, "its end", executor.ended),
    "killed: its exit status did not come",
  );
  assertEquals(killed, [INSIDE]);
  libc.close();
});

Deno.test("ResidentWatch looks at no process that ended as it got its lease", async () => {
  const libc = openLibc();
  let overs = 0;
  await using watch = new ResidentWatch(libc, "a test");
  const ended = await watch.bound(Deno.pid, () => overs++);
  ended.release();
  ended.set(1);
  const { promise, resolve } = Promise.withResolvers<void>();
  const alive = await watch.bound(Deno.pid, resolve);
  alive.set(1);
  await within(5000, "a look", promise);
  assert(alive.wasOver());
  alive.release();
  assertEquals(overs, 0);
  libc.close();
});
