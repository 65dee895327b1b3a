/** Nodes whose workers a client cannot attach to. */

import { assertEquals, assertRejects } from "@std/assert";
import { FabricError } from "../../../fabric/errors.ts";
import { attachAll } from "../../../runtime/client/attach_all.ts";
import { ExecutorLostError } from "../../../runtime/errors.ts";
import { checkLeaseOptions } from "../../../runtime/client/lease_options.ts";
import { AttachRefusal } from "../../../runtime/protocol/attach.ts";
import type { Executor } from "../../../runtime/protocol/node_protocol.ts";

const tuning = { translate: String, firstSequence: 0, attachMs: 1000 };
const checked = checkLeaseOptions({ functions: "none.ts" });

function executorOf(worker: number): Executor {
  return {
    worker,
    generation: 1,
    address: "shm:a",
    secret: "0".repeat(32),
    start: "cold",
    bootMs: 0,
    startMs: 0,
  };
}

for (const workers of [[4], [4, 5, 6], [5, 4], [4, 4]]) {
  Deno.test(`\`attachAll()\` connects to no worker when a node sends executors of ${workers} for 4,5`, async () => {
    let connections = 0;
    const fabric = {
      connect: () => {
        connections++;
        return Promise.reject(new Error("Cannot connect: no listener"));
      },
    };
    const executors = workers.map(executorOf);
    await assertRejects(
      () => attachAll(fabric, executors, checked, tuning, [4, 5], new AbortController().signal),
      ExecutorLostError,
      `expected executors of workers 4,5, the node sent those of ${workers}`,
    );
    assertEquals(connections, 0);
  });
}

Deno.test("`attachAll()` reports that a worker rejects the request because its version of rfaas is another", async () => {
  const attach = (privateData: Uint8Array) => {
    const rejected = new FabricError("Cannot connect to shm:a: rejected", "rejected", {
      privateData,
    });
    const fabric = { connect: () => Promise.reject(rejected) };
    const { signal } = new AbortController();
    return assertRejects(
      () => attachAll(fabric, [executorOf(4)], checked, tuning, [4], signal),
      ExecutorLostError,
    );
  };
  const start = "Cannot attach to workers: Cannot connect to shm:a: rejected";
  // A network pads private data with zeros.
  for (const bytes of [1, 148]) {
    const data = new Uint8Array(bytes);
    data[0] = AttachRefusal.VERSION;
    assertEquals(
      (await attach(data)).message,
      `${start}; the node runs another version of rfaas: use the same one in the app and on the node`,
    );
  }
  assertEquals((await attach(Uint8Array.of(AttachRefusal.SECRET))).message, start);
  assertEquals((await attach(new Uint8Array(0))).message, start);
});
