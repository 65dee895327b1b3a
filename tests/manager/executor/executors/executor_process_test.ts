/** The end of an executor whose process outlives its channel, and of its memory bound. */

import { assertEquals } from "@std/assert";
import { Fabrics } from "../../../../fabric/open.ts";
import type { ConnectionRequest } from "../../../../fabric/fabric.ts";
import { openLibc } from "../../../../ffi/libc.ts";
import { BeatWatch } from "../../../../manager/executor/executors/beat_watch.ts";
import { ExecutorProcess } from "../../../../manager/executor/executors/executor_process.ts";
import { ResidentWatch } from "../../../../manager/executor/limits/resident_watch.ts";
import {
  ControlChannel,
  controlOptions,
  MAX_CONTROL_BYTES,
} from "../../../../runtime/control/control_channel.ts";
import { MAX_REASON_CHARACTERS } from "../../../../runtime/policy.ts";
import { children } from "../../../support/processes/process_table.ts";
import { testListenPlace } from "../../../support/cluster/test_fabric.ts";
import { until, within } from "../../../support/waiting.ts";

/** The process inside the container, by the kernel's number: it outlives the process that started the container. */
const INSIDE = 4_000_001;

/** A process that is not an executor, with the other end of its channel. */
async function boot(kill: (pid: number) => void) {
  const libc = openLibc();
  const memory = new ResidentWatch(libc, "a test");
  const fabrics = new Fabrics();
  using listener = await fabrics.listen(testListenPlace());
  const connecting = fabrics.connect(listener.address, controlOptions(0));
  const channel = connecting.then((connection) => {
    const peer = new ControlChannel(connection);
    peer.notify("listening", { address: "shm:none" });
    return peer;
  });
  const executor = await ExecutorProcess.boot(
    { program: "/bin/sleep", options: { args: ["600"], stdin: "piped", stderr: "piped" } },
    {
      managerAddress: listener.address,
      cpuNs: () => undefined,
      kill,
      memory,
      beats: new BeatWatch(),
      usage: { watch: () => () => {} },
      threads: { watch: () => () => {} },
      isStopped: () => false,
      cores: { watch: () => () => {} },
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
  const peer = await channel;
  const close = async () => {
    peer.close();
    await until(() => children(Deno.pid).length === 0, () => "the process is gone");
    await fabrics[Symbol.asyncDispose]();
    libc.close();
  };
  return { executor, peer, [Symbol.asyncDispose]: close };
}

Deno.test("an executor that closes its channel and lives on is killed inside its container too, and its reason is cut", async () => {
  const killed: number[] = [];
  await using held = await boot((pid) => void killed.push(pid));
  const { executor, peer } = held;
  assertEquals(executor.pid, INSIDE);
  const message = "x".repeat(MAX_CONTROL_BYTES - 100);
  peer.notify("ended", { reason: { code: "crashed", message } });
  peer.close();
  assertEquals(await within(10_000, "its end", executor.ended), {
    code: "crashed",
    message: "x".repeat(MAX_REASON_CHARACTERS),
  });
  assertEquals(killed, [INSIDE]);
});

Deno.test("`ResidentWatch` checks no process that ended as it got its lease", async () => {
  const libc = openLibc();
  let overs = 0;
  await using watch = new ResidentWatch(libc, "a test");
  const ended = await watch.bound(Deno.pid, () => overs++);
  ended.release();
  ended.set(1);
  const { promise, resolve } = Promise.withResolvers<void>();
  const alive = await watch.bound(Deno.pid, resolve);
  alive.set(1);
  await within(5000, "a check", promise);
  assertEquals(alive.ranOut(), "lease");
  alive.release();
  assertEquals(overs, 0);
  libc.close();
});
