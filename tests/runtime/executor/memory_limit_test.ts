/** Functions that take memory outside of the JavaScript heap: ended at the lease's limit, while others are served. */

import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { LimitExceeded } from "../../../mod.ts";
import { openHierarchy } from "../../../manager/executor/limits/cgroup_hierarchy.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { slotMemoryBytes } from "../../../runtime/protocol/slot_memory.ts";
import { startCluster } from "../../support/cluster.ts";
import { within } from "../../support/cluster_lease.ts";
import { functionsPackage, packageOf } from "../../support/functions_package.ts";
import { until } from "../../support/process_table.ts";
import { limitMs } from "../../support/time_factor.ts";
import { triedRecipes } from "../../support/sandboxes.ts";

const MIB = 2 ** 20;
/** What the bomb is given, and what it would take: enough to see that it was stopped, little enough for any host. */
const LEASED = 64 * MIB;
const BOMB = 1024;

/** Writes how far it came where its caller sees it, in MiB: the slot is shared memory. */
const bomb = packageOf(`
  const kept = [];
  export function bomb(input, output) {
    const said = new DataView(output.buffer, output.byteOffset);
    for (let mib = 1; mib <= ${BOMB}; mib++) {
      kept.push(new Uint8Array(${MIB}).fill(mib));
      said.setUint32(0, mib);
    }
    return 4;
  }
  export const modest = (input, output) => { new Uint8Array(${LEASED / 2}).fill(1); return 0; };
  export const echo = (input, output) => (output.set(input), input.length);
`);

/** Whether this host lets a limit be set, seen as a node sees it. */
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
  const kind = bounds === "auto" ? "control groups" : "a watched size";
  const need = missing === undefined ? "" : ` (needs ${missing})`;
  /** Seen to fail with the limit not set: the bomb took all that it wanted and returned. */
  Deno.test({
    name:
      `LimitExceeded: ArrayBuffers without end, ${kind}, sandbox ${sandbox}; others are served, the lease goes on${need}`,
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
      assertInstanceOf(outcome, LimitExceeded);
      assertStringIncludes(`${outcome}`, "limit: memory: it took more than");
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
