import { assert } from "@std/assert";
import fc from "fast-check";
import { LeaseBook } from "../../manager/resource/lease_book.ts";
import { NodeBook } from "../../manager/resource/node_book.ts";
import { Refusal } from "../../manager/resource/refusal.ts";
import { SqliteStore } from "../../manager/resource/sqlite_store.ts";
import { getLogger } from "../../manager/log.ts";
import { createStoredKey, openStoredKey } from "../../runtime/grant/grant_key.ts";
import type { NodeWelcome } from "../../runtime/http/manager_api.ts";
import { FakeClock } from "./resource_support.ts";

const cores = [3, 5, 8];
const caller = { hash: "", role: "client", name: "client" } as const;

const which = fc.nat(2);
/** Counted from the newest lease, so that most steps meet one that runs. */
const pick = fc.nat(4);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("take"), workers: fc.integer({ min: 1, max: 8 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("claim"),
      node: which,
      lease: pick,
      workers: fc.integer({ min: 1, max: 8 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("end"), lease: pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("ended"), node: which, lease: pick }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("beat"),
      node: which,
      leases: fc.array(pick, { maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("renew"), lease: pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("register"), node: which }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("wait"), ms: fc.integer({ min: 1, max: 3500 }) }),
  },
);

// deno-lint-ignore no-explicit-any
type Step = any;

Deno.test("no node ever has more workers claimed and offered than cores", async () => {
  const key = openStoredKey(await createStoredKey());
  const keys = { accepted: [key], signing: () => key };
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps: Step[]) => {
      const store = new SqliteStore(`${dir}/${runs++}.sqlite`);
      try {
        await play(store, steps);
      } finally {
        store.close();
      }
    }),
    { numRuns: 60 },
  ).finally(() => Deno.remove(dir, { recursive: true }));

  async function play(store: SqliteStore, steps: Step[]): Promise<void> {
    const clock = new FakeClock();
    const context = { store, clock: clock.read, keys, log: getLogger(["rfaas", "test"]) };
    const nodes = new NodeBook(context);
    const leases = new LeaseBook(context);
    const register = (at: number): Promise<NodeWelcome> =>
      nodes.register({
        name: `n${at}`,
        cores: cores[at]!,
        memoryBytes: 100,
        addresses: ["shm:x"],
        bootId: "b",
      });
    const known = [await register(0), await register(1), await register(2)];
    const taken = ["0".repeat(32)];
    const leaseAt = (at: number) => taken[taken.length - 1 - at % taken.length]!;
    const acts: Record<string, (step: Step) => Promise<unknown>> = {
      take: async ({ workers }) => {
        const asked = { workers, memoryBytes: workers * 10, seconds: 5 };
        taken.push((await leases.take(caller, asked)).lease);
      },
      claim: ({ node, lease, workers }) => {
        const { node: id, epoch } = known[node]!;
        return nodes.report(id, leaseAt(lease), { epoch, state: "claimed", workers });
      },
      ended: ({ node, lease }) => {
        const { node: id, epoch } = known[node]!;
        return nodes.report(id, leaseAt(lease), { epoch, state: "ended", workers: 1 });
      },
      beat: ({ node, leases: listed }) => {
        const { node: id, epoch } = known[node]!;
        const told = listed.map((at: number) => ({ lease: leaseAt(at), workers: 1 }));
        return nodes.beat(id, { epoch, leases: told });
      },
      end: ({ lease }) => leases.end(caller, leaseAt(lease)),
      renew: ({ lease }) => leases.renew(caller, leaseAt(lease), { seconds: 5 }),
      register: async ({ node }) => known[node] = await register(node),
      wait: async ({ ms }) => void (clock.nowMs += await ms),
    };
    for (const each of steps) {
      await acts[each.do]!(each).catch((error) => {
        if (!(error instanceof Refusal)) throw error;
      });
      await store.transact((tx) => {
        for (const node of tx.nodes()) {
          const { workers, memoryBytes } = tx.takenOn(node.id);
          assert(workers <= node.cores, `${workers} workers on ${node.cores} cores`);
          assert(memoryBytes <= node.memoryBytes, `${memoryBytes} of ${node.memoryBytes} bytes`);
        }
        for (const lease of tx.runningLeases()) {
          const parts = tx.allocationsOf(lease.id);
          assert(parts.some((part) => part.state !== "ended"), "a lease runs on no node");
          const claimed = parts.filter((part) => part.state === "claimed")
            .reduce((sum, part) => sum + part.workers, 0);
          assert(claimed <= lease.workers, `${claimed} claimed of ${lease.workers}`);
        }
      });
    }
  }
});
