import { assert } from "@std/assert";
import fc from "fast-check";
import { LeaseBook } from "../../../../manager/resource/books/lease_book.ts";
import { NodeBook } from "../../../../manager/resource/books/node_book.ts";
import { RefusalError } from "../../../../manager/resource/refusal.ts";
import { SqliteStore } from "../../../../manager/resource/store/sqlite/sqlite_store.ts";
import type { Transaction } from "../../../../manager/resource/store/store.ts";
import { createStoredKey, openStoredKey } from "../../../../runtime/grant/grant_key.ts";
import type { NodeRegistrationResponse } from "../../../../runtime/http/manager_api.ts";
import { bookContext } from "../../../support/manager/book_context.ts";
import { FakeClock } from "../../../support/manager/test_manager.ts";
import { TwiceStore } from "../../../support/manager/twice_store.ts";

const cores = [3, 5, 8];
const caller = { hash: "", role: "client", name: "client" } as const;

const which = fc.nat(2);
/** An index from the newest lease, so that most steps use a running one. */
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
      do: fc.constant("heartbeat"),
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

Deno.test("nothing is reserved for a lease on a node without the capacity, whatever nodes report", async () => {
  const key = openStoredKey(await createStoredKey());
  const keys = { accepted: [key], signing: () => key };
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps: Step[]) => {
      const store = new TwiceStore(new SqliteStore(`${dir}/${runs++}.sqlite`));
      try {
        await play(store, steps);
      } finally {
        await store.close();
      }
    }),
    { numRuns: 60 },
  ).finally(() => Deno.remove(dir, { recursive: true }));

  async function play(store: TwiceStore, steps: Step[]): Promise<void> {
    const clock = new FakeClock();
    const context = bookContext({ store, clock: clock.read, keys });
    const nodes = new NodeBook(context);
    const leases = new LeaseBook(context);
    const register = (at: number): Promise<NodeRegistrationResponse> =>
      nodes.register({
        name: `n${at}`,
        cores: cores[at]!,
        memoryBytes: 100,
        addresses: ["shm:x"],
        bootId: "b",
      });
    const known = [await register(0), await register(1), await register(2)];
    const granted = ["0".repeat(32)];
    const leaseAt = (at: number) => granted[granted.length - 1 - at % granted.length]!;
    const acts: Record<string, (step: Step) => Promise<unknown>> = {
      take: async ({ workers }) => {
        const request = { workers, memoryBytes: workers * 10, termMs: 5_000 };
        const { lease } = await leases.take(caller, request);
        granted.push(lease);
        await store.transact((tx) => assertReserved(tx, lease, workers));
      },
      claim: ({ node, lease, workers }) => {
        const { node: id, epoch } = known[node]!;
        return nodes.report(id, leaseAt(lease), { epoch, state: "claimed", workers });
      },
      ended: ({ node, lease }) => {
        const { node: id, epoch } = known[node]!;
        return nodes.report(id, leaseAt(lease), { epoch, state: "ended", workers: 1 });
      },
      heartbeat: ({ node, leases: listed }) => {
        const { node: id, epoch } = known[node]!;
        const reported = listed.map((at: number) => ({ lease: leaseAt(at), workers: 1 }));
        return nodes.heartbeat(id, { epoch, leases: reported });
      },
      end: ({ lease }) => leases.release(caller, leaseAt(lease)),
      renew: ({ lease }) => leases.renew(caller, leaseAt(lease), { termMs: 5_000 }),
      register: async ({ node }) => known[node] = await register(node),
      wait: async ({ ms }) => void (clock.nowMs += await ms),
    };
    for (const each of steps) {
      await acts[each.do]!(each).catch((error) => {
        if (!(error instanceof RefusalError)) throw error;
      });
      await store.transact((tx) => {
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

/** Checks a lease right after its grant: all of its workers are reserved, or none, and only where cores were free. */
function assertReserved(tx: Transaction, lease: string, workers: number): void {
  let sum = 0;
  for (const { node: id, reservedWorkers } of tx.allocationsOf(lease)) {
    sum += reservedWorkers;
    if (reservedWorkers === 0) continue;
    const node = tx.node(id)!;
    const allocated = tx.allocatedOn(id);
    assert(allocated.workers <= node.cores, `${allocated.workers} of ${node.cores} cores`);
    assert(
      allocated.memoryBytes <= node.memoryBytes,
      `${allocated.memoryBytes} of ${node.memoryBytes} bytes`,
    );
  }
  assert(sum === workers || sum === 0, `${sum} of ${workers} workers are reserved`);
}
