/** Functions that allocate memory outside of the JavaScript heap are ended at their lease's limit. */

import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { LimitExceededError } from "../../../mod.ts";
import { openHierarchy } from "../../../manager/executor/limits/cgroup_hierarchy.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { slotMemoryBytes } from "../../../runtime/protocol/slot_memory.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { until, within } from "../../support/waiting.ts";
import { functionsPackage, packageOf } from "../../support/functions/functions_package.ts";
import { limitMs } from "../../support/time_factor.ts";
import { triedRecipes } from "../../support/sandboxes.ts";

const MIB = 2 ** 20;
/** The memory of the lease, and the MiB that the bomb would allocate: enough to show that it was stopped, on any host. */
const LEASED = 64 * MIB;
const BOMB = 1024;

/** The pause after each MiB: the process that watches may be interrupted, and has to detect the bomb before its end. */
const PAUSE_MS = 2;

/** Writes the MiB allocated so far into its slot, which is shared memory, so that the client can read them. */
const bomb = packageOf(`
  const kept = [];
  const never = new Int32Array(new SharedArrayBuffer(4));
  export function bomb(input, output) {
    const view = new DataView(output.buffer, output.byteOffset);
    for (let mib = 1; mib <= ${BOMB}; mib++) {
      kept.push(new Uint8Array(${MIB}).fill(mib));
      view.setUint32(0, mib);
      Atomics.wait(never, 0, 0, ${PAUSE_MS});
    }
    return 4;
  }
  export const modest = (input, output) => { new Uint8Array(${LEASED / 2}).fill(1); return 0; };
  export const echo = (input, output) => (output.set(input), input.length);
`);

/** Whether this host has control groups that can be limited, by the check of the node. */
function hasControlGroups(): boolean {
  const libc = openLibc();
  const found = openHierarchy(libc);
  libc.close();
  return typeof found !== "string";
}

const hard = hasControlGroups();
const recipes = await triedRecipes();
const CASES = [
  { bounds: "auto", sandbox: "none", missing: hard ? undefined : "control groups" },
  { bounds: "soft", sandbox: "none", missing: undefined },
  ...recipes.filter(({ recipe }) => recipe !== "apptainer").map(({ recipe, missing }) => ({
    bounds: "auto" as const,
    sandbox: recipe,
    missing: hard ? missing : "control groups",
  })),
  ...recipes.filter(({ recipe }) => recipe === "bubblewrap").map(({ recipe, missing }) => ({
    bounds: "soft" as const,
    sandbox: recipe,
    missing,
  })),
] as const;

for (const { bounds, sandbox, missing } of CASES) {
  const kind = bounds === "auto" ? "control groups" : "watching";
  const need = missing === undefined ? "" : ` (needs ${missing})`;
  /** Fails when the limit is not set: the bomb allocates everything and returns. */
  Deno.test({
    name:
      `ArrayBuffers without end exceed the memory limit by ${kind} in sandbox ${sandbox}, and the lease goes on${need}`,
    ignore: missing !== undefined,
    fn: async () => {
      await using cluster = await startCluster({ sandbox, memoryBounds: bounds });
      const client = await cluster.connect();
      const other = await client.lease({ functions: await functionsPackage(), hotMs: 10_000 });
      const lease = await client.lease({ functions: bomb, memory: LEASED });
      assertEquals((await lease.invoke("modest", new Uint8Array())).length, 0);
      using call = lease.prepare("bomb", { resultBytes: 4 });
      let outcome: number | Error | undefined;
      call.invoke(0).then((length) => outcome = length, (error) => outcome = error);
      let mib = 0;
      let slowestMs = 0;
      const see = () => {
        try {
          mib = new DataView(call.output.buffer, call.output.byteOffset).getUint32(0);
        } catch {
          // detached: the executor has gone
        }
      };
      await within(
        20_000,
        "the end of the bomb",
        (async () => {
          while (outcome === undefined) {
            const sinceMs = performance.now();
            assertEquals(await other.invoke("echo", Uint8Array.of(7)), Uint8Array.of(7));
            slowestMs = Math.max(slowestMs, performance.now() - sinceMs);
            see();
            await new Promise((resolve) => setTimeout(resolve, 0));
          }
        })(),
      );
      assertInstanceOf(outcome, LimitExceededError);
      assertEquals((outcome as LimitExceededError).limit, "memory");
      assertStringIncludes(`${outcome}`, "it took more than");
      assert(mib < BOMB / 2, `it took ${mib} MiB`);
      assert(slowestMs < limitMs(500), `another lease's call took ${slowestMs} ms`);
      assertEquals(await other.invoke("echo", Uint8Array.of(8)), Uint8Array.of(8));
      await until(
        async () => {
          const reply = await lease.invoke("echo", Uint8Array.of(9)).catch(() => undefined);
          return reply?.[0] === 9;
        },
        () => "the lease goes on",
        10_000,
      );
      await lease.close();
      using operator = new ManagerClient({
        url: cluster.managerUrl,
        token: cluster.operatorToken,
      });
      const { bills } = await operator.bills();
      const lent = LEASED + slotMemoryBytes({ workers: 1, depth: 4, maxBytes: MIB });
      assert(bills.some(({ memoryBytes, heldNs }) => memoryBytes === lent && BigInt(heldNs) > 0n));
    },
  });
}
