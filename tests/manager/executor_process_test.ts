/** How a node ends an executor that goes on though its channel has ended, and what its bound leaves behind. */

import { assert, assertEquals } from "@std/assert";
import { Fabrics } from "../../fabric/open.ts";
import type { ConnectionRequest } from "../../fabric/fabric.ts";
import { openLibc } from "../../ffi/libc.ts";
import { ExecutorProcess } from "../../manager/executor/executor_process.ts";
import { ResidentWatch } from "../../manager/executor/limits/resident_watch.ts";
import {
  ControlChannel,
  controlOptions,
  MAX_CONTROL_BYTES,
} from "../../runtime/control/control_channel.ts";
import { MAX_REASON_CHARACTERS } from "../../runtime/policy.ts";
import { children, until, within } from "../support/process_table.ts";
import { testListenPlace } from "../support/test_fabric.ts";

/** What the kernel shows is inside of a sandbox: the container's own process, which outlives what started it. */
const INSIDE = 4_000_001;

/** A process that is no executor, with the other end of its channel. */
async function boot(kill: (pid: number) => void) {
  const libc = openLibc();
  const memory = new ResidentWatch(libc, "a test");
  const fabrics = new Fabrics();
  using listener = await fabrics.listen(testListenPlace());
  const connecting = fabrics.connect(listener.address, controlOptions(0));
  const executor = await ExecutorProcess.boot(
    { program: "/bin/sleep", options: { args: ["600"], stdin: "piped", stderr: "piped" } },
    { managerAddress: listener.address, cpuNs: () => undefined, kill, memory },
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
  const peer = new ControlChannel(await connecting);
  const close = async () => {
    peer.close();
    await until(() => children(Deno.pid).length === 0, () => "the process is gone");
    await fabrics[Symbol.asyncDispose]();
    libc.close();
  };
  return { executor, peer, [Symbol.asyncDispose]: close };
}

Deno.test("an executor in a container that lets go of its channel and goes on is killed inside as well, and what it said fits into a message", async () => {
  const killed: number[] = [];
  await using held = await boot((pid) => void killed.push(pid));
  const { executor, peer } = held;
  assertEquals(executor.pid, INSIDE);
  peer.notify("ended", { reason: "x".repeat(MAX_CONTROL_BYTES - 100) });
  peer.close();
  assertEquals(await within(10_000, "its end", executor.ended), "x".repeat(MAX_REASON_CHARACTERS));
  assertEquals(killed, [INSIDE]);
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
