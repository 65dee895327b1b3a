/** A resource manager, as a process, whose clock jumps, which is stopped, and which is killed: THREATS.md, rows 14 and 17. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LeaseOver, Unauthorized } from "../../runtime/errors.ts";
import type { ManagerClient } from "../../runtime/http/manager_client.ts";
import { stop } from "../support/process_child.ts";
import { ResourceManagerProcess, withFolder } from "../support/resource_manager_process.ts";
import { limitMs } from "../support/time_factor.ts";

const node = { name: "a", cores: 64, memoryBytes: 2 ** 34, addresses: ["shm:a"], bootId: "b" };
const small = { workers: 1, memoryBytes: 2 ** 20, seconds: 60 };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("a jump of the host's clock by an hour neither ends nor prolongs a lease", () =>
  withFolder(async (folder) => {
    const shiftFile = `${folder}/shift`;
    await Deno.writeTextFile(shiftFile, "0");
    const preload = new URL("../support/process_shifted_clock.ts", import.meta.url).href;
    const options = { env: { SHIFT_FILE: shiftFile }, runFlags: ["--preload", preload] };
    const hourMs = 3_600_000;
    await using manager = await ResourceManagerProcess.start(`${folder}/state`, options);
    using nodes = manager.as("node");
    const { node: id } = await nodes.registerNode(node);
    using client = manager.as("client");
    const { lease, nowMs } = await client.takeLease({ ...small, seconds: 600 });
    await nodes.reportLease(id, lease, { epoch: 1, state: "claimed", workers: 1 });
    const short = await client.takeLease({ ...small, seconds: 1 });
    await nodes.reportLease(id, short.lease, { epoch: 1, state: "claimed", workers: 1 });
    for (const shift of [hourMs, -hourMs]) {
      await Deno.writeTextFile(shiftFile, String(shift));
      const beat = await nodes.heartbeat(id, { epoch: 1, leases: [{ lease, workers: 1 }] });
      assert(
        Math.abs(beat.nowMs - nowMs) < limitMs(30_000),
        `it is ${beat.nowMs - nowMs} ms later`,
      );
      const { leases } = await client.leases();
      assert(leases.some((one) => one.lease === lease), "the lease was ended");
    }
    await pause(1100);
    await assertRejects(() => client.renewLease(short.lease, { seconds: 60 }), LeaseOver);

    // Started again with a clock that was set back: what was over stays over.
    await manager.kill();
    await using again = await ResourceManagerProcess.start(`${folder}/state`, options);
    using late = again.as("client");
    await assertRejects(() => late.renewLease(short.lease, { seconds: 60 }), LeaseOver);
    assertEquals((await late.leases()).leases.map((one) => one.lease), [lease]);
  }));

Deno.test("a manager that is stopped past the end of a lease accepts nothing for it afterwards", () =>
  withFolder(async (folder) => {
    await using manager = await ResourceManagerProcess.start(`${folder}/state`);
    using nodes = manager.as("node");
    const { node: id } = await nodes.registerNode(node);
    using client = manager.as("client");
    const { lease } = await client.takeLease({ ...small, seconds: 1 });
    await stop(manager.pid);
    // Both are on their way when the time runs out, and are read after it.
    const claim = nodes.reportLease(id, lease, { epoch: 1, state: "claimed", workers: 1 });
    const renewal = client.renewLease(lease, { seconds: 60 });
    const refused = Promise.all([
      assertRejects(() => claim, LeaseOver),
      assertRejects(() => renewal, LeaseOver),
    ]);
    await pause(1500);
    manager.signal("SIGCONT");
    await refused;
    const beat = await nodes.heartbeat(id, { epoch: 1, leases: [{ lease, workers: 1 }] });
    assertEquals(beat.end, [lease]);
  }));

Deno.test("a manager killed at any moment keeps what it has answered: tokens, revocations, leases", () =>
  withFolder(async (folder) => {
    const good = new Map<string, string>();
    const revoked: string[] = [];
    const held = new Set<string>();
    for (let round = 0; round < 4; round++) {
      await using manager = await ResourceManagerProcess.start(`${folder}/state`);
      using operator = manager.as("operator");
      using nodes = manager.as("node");
      const { node: id } = await nodes.registerNode(node);
      held.clear(); // a start of the node ends what it had
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
          held.delete(lease); // from here on nobody knows, until the answer comes
          good.delete(name);
          await operator.revokeToken(name);
          revoked.push(token);
        }
      };
      const works = [0, 1, 2].map((worker) => work(worker).catch(() => {}));
      await pause(100 + Math.random() * 300);
      await manager.kill();
      killed = true;
      await Promise.all(works);
      for (const client of clients) client.close();
    }
    // So many void tokens would meet the limit of those without one.
    const env = { RFAAS_RESOURCE_MANAGER_LIMITS_UNAUTHENTICATED_PER_SECOND: "100000" };
    await using manager = await ResourceManagerProcess.start(`${folder}/state`, { env });
    for (const token of good.values()) {
      using client = manager.as("client", token);
      await client.leases();
    }
    for (const token of revoked) {
      using client = manager.as("client", token);
      await assertRejects(() => client.leases(), Unauthorized);
    }
    assert(good.size > 0 && revoked.length > 0, `${good.size} good, ${revoked.length} revoked`);
    using operator = manager.as("operator");
    const { leases } = await operator.leases();
    const running = new Set(leases.map(({ lease }) => lease));
    for (const lease of held) assert(running.has(lease), "a lease that was claimed is lost");
    const { nodes: [lent] } = await operator.nodes();
    const taken = leases.flatMap((one) => one.nodes).reduce((sum, part) => sum + part.workers, 0);
    assertEquals(lent!.freeCores, 64 - taken);
  }));
