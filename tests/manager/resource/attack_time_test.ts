/** The process of a resource manager when its clock jumps, when it is stopped, and when it is killed. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LeaseOverError, UnauthorizedError } from "../../../runtime/errors.ts";
import type { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { stop } from "../../support/processes/process_child.ts";
import {
  ResourceManagerProcess,
  withFolder,
} from "../../support/processes/resource_manager_process.ts";
import { limitMs } from "../../support/time_factor.ts";

const node = { name: "a", cores: 64, memoryBytes: 2 ** 34, addresses: ["shm:a"], bootId: "b" };
const small = { workers: 1, memoryBytes: 2 ** 20, termMs: 60_000 };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("a jump of the host's clock by an hour neither ends nor extends a lease", () =>
  withFolder(async (folder) => {
    const shiftFile = `${folder}/shift`;
    await Deno.writeTextFile(shiftFile, "0");
    const preload =
      new URL("../../support/processes/process_shifted_clock.ts", import.meta.url).href;
    const options = { env: { SHIFT_FILE: shiftFile }, runFlags: ["--preload", preload] };
    const hourMs = 3_600_000;
    await using manager = await ResourceManagerProcess.start(`${folder}/state`, options);
    using nodes = manager.as("node");
    const { node: id } = await nodes.registerNode(node);
    using client = manager.as("client");
    const { lease, nowMs } = await client.takeLease({ ...small, termMs: 600_000 });
    await nodes.reportLease(id, lease, { epoch: 1, state: "claimed", workers: 1 });
    const short = await client.takeLease({ ...small, termMs: 2_000 });
    await nodes.reportLease(id, short.lease, { epoch: 1, state: "claimed", workers: 1 });
    for (const shift of [hourMs, -hourMs]) {
      await Deno.writeTextFile(shiftFile, String(shift));
      const heartbeat = await nodes.heartbeat(id, { epoch: 1, leases: [{ lease, workers: 1 }] });
      assert(
        Math.abs(heartbeat.nowMs - nowMs) < limitMs(30_000),
        `it is ${heartbeat.nowMs - nowMs} ms later`,
      );
      const { leases } = await client.leases();
      assert(leases.some((one) => one.lease === lease), "the lease was ended");
    }
    await pause(2100);
    await assertRejects(() => client.renewLease(short.lease, { termMs: 60_000 }), LeaseOverError);

    // A restart with a clock that was set back: an ended lease stays ended.
    await manager.kill();
    await using again = await ResourceManagerProcess.start(`${folder}/state`, options);
    using late = again.as("client");
    await assertRejects(() => late.renewLease(short.lease, { termMs: 60_000 }), LeaseOverError);
    assertEquals((await late.leases()).leases.map((one) => one.lease), [lease]);
  }));

Deno.test("a manager that was stopped past the end of a lease accepts nothing for the lease afterwards", () =>
  withFolder(async (folder) => {
    await using manager = await ResourceManagerProcess.start(`${folder}/state`);
    using nodes = manager.as("node");
    const { node: id } = await nodes.registerNode(node);
    using client = manager.as("client");
    const { lease } = await client.takeLease({ ...small, termMs: 1_000 });
    await stop(manager.pid);
    // Both are sent before the lease ends, and read after it.
    const claim = nodes.reportLease(id, lease, { epoch: 1, state: "claimed", workers: 1 });
    const renewal = client.renewLease(lease, { termMs: 60_000 });
    const refused = Promise.all([
      assertRejects(() => claim, LeaseOverError),
      assertRejects(() => renewal, LeaseOverError),
    ]);
    await pause(1500);
    manager.signal("SIGCONT");
    await refused;
    const heartbeat = await nodes.heartbeat(id, { epoch: 1, leases: [{ lease, workers: 1 }] });
    assertEquals(heartbeat.end, [lease]);
  }));

Deno.test("a manager that is killed at any moment keeps the tokens, revocations and leases of its responses", () =>
  withFolder(async (folder) => {
    const good = new Map<string, string>();
    const revoked: string[] = [];
    const held = new Set<string>();
    // A busy host revokes no token in that time: later rounds take longer.
    for (let round = 0; round < 4 || (revoked.length === 0 && round < 20); round++) {
      await using manager = await ResourceManagerProcess.start(`${folder}/state`);
      using operator = manager.as("operator");
      using nodes = manager.as("node");
      const { node: id } = await nodes.registerNode(node);
      held.clear(); // a start of the node ends its leases
      const clients: ManagerClient[] = [];
      let killed = false;
      const work = async (worker: number) => {
        for (let i = 0; !killed; i++) {
          const name = `c${round}-${worker}-${i}`;
          const { token } = await operator.createToken({ role: "client", name });
          good.set(name, token);
          const client = manager.as("client", token);
          clients.push(client);
          const { lease } = await client.takeLease(small);
          const report = { epoch: round + 1, state: "claimed", workers: 1 } as const;
          await nodes.reportLease(id, lease, report);
          held.add(lease);
          if (i % 2 === 0) continue;
          held.delete(lease); // its state is unknown until the response arrives
          good.delete(name);
          await operator.revokeToken(name);
          revoked.push(token);
        }
      };
      const works = [0, 1, 2].map((worker) => work(worker).catch(() => {}));
      await pause((100 + Math.random() * 300) * Math.max(1, round - 2));
      await manager.kill();
      killed = true;
      await Promise.all(works);
      for (const client of clients) client.close();
    }
    // The revoked tokens would reach the limit of requests without a valid token.
    const env = { RFAAS_RESOURCE_MANAGER_LIMITS_UNAUTHENTICATED_PER_SECOND: "100000" };
    await using manager = await ResourceManagerProcess.start(`${folder}/state`, { env });
    for (const token of good.values()) {
      using client = manager.as("client", token);
      await client.leases();
    }
    for (const token of revoked) {
      using client = manager.as("client", token);
      await assertRejects(() => client.leases(), UnauthorizedError);
    }
    assert(good.size > 0 && revoked.length > 0, `${good.size} good, ${revoked.length} revoked`);
    using operator = manager.as("operator");
    const { leases } = await operator.leases();
    const running = new Set(leases.map(({ lease }) => lease));
    for (const lease of held) assert(running.has(lease), "a claimed lease is lost");
    const { nodes: [lent] } = await operator.nodes();
    const allocated = leases.flatMap((one) => one.nodes).reduce(
      (sum, part) => sum + part.workers,
      0,
    );
    assertEquals(lent!.freeCores, 64 - allocated);
  }));
