/** The tables that a standby makes of its copy as it changes. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { KEPT_CLUSTER_EVENTS } from "../../../../manager/resource/policy.ts";
import { digestRows, readRows } from "../../../../manager/resource/store/all_rows.ts";
import { CopiedTables } from "../../../../manager/resource/store/etcd/copied_tables.ts";
import { EtcdRows } from "../../../../manager/resource/store/etcd/etcd_rows.ts";
import type { Seal } from "../../../../manager/resource/store/etcd/seal.ts";
import type { AllocationRow, LeaseRow } from "../../../../manager/resource/store/store.ts";
import { scaledCount } from "../../../support/time_factor.ts";

const plain: Pick<Seal, "open" | "close"> = { open: (text) => text, close: (text) => text };
const rows = new EtcdRows("/p/1/", plain as Seal);

const number = (max: number) => fc.integer({ min: 0, max });
/** What a leader may do. Names and ids are few, so that they meet. */
const step = fc.oneof(
  fc.record({ op: fc.constant("node" as const), id: number(1), name: number(1) }),
  fc.record({ op: fc.constant("removeNode" as const), id: number(1) }),
  fc.record({ op: fc.constant("lease" as const), id: number(1), node: number(1) }),
  fc.record({ op: fc.constant("end" as const), id: number(1) }),
  fc.record({ op: fc.constant("forget" as const) }),
  fc.record({ op: fc.constant("bill" as const), id: number(1), node: number(1) }),
  fc.record({ op: fc.constant("archive" as const) }),
  fc.record({ op: fc.constant("token" as const), hash: number(2), name: number(1) }),
  fc.record({ op: fc.constant("removeToken" as const), hash: number(2) }),
  fc.record({ op: fc.constant("events" as const), count: number(40), isOfLease: fc.boolean() }),
  fc.record({ op: fc.constant("lent" as const), hourMs: number(2) }),
  fc.record({ op: fc.constant("copy" as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** A leader, its rows in etcd, and a standby that has copied them up to a moment. */
class Cluster {
  readonly leader = new CopiedTables(rows);
  readonly standby = new CopiedTables(rows);
  readonly #etcd = new Map<string, string>();
  #copied = new Map<string, string>();
  #nowMs = 1000;

  run(step: Step): void {
    this.#nowMs++;
    if (step.op === "copy") return this.copy();
    this.#change(step);
    for (const [table, key] of this.leader.written.values()) {
      const write = rows.write(this.leader.tx, table, key);
      if (write.value === undefined) this.#etcd.delete(write.key);
      else this.#etcd.set(write.key, write.value);
    }
    this.leader.written.clear();
    this.leader.undo.forget();
  }

  /** Applies only what differs: what came and went meanwhile is not seen. */
  copy(): void {
    const changed = [...this.#etcd].filter(([key, value]) => this.#copied.get(key) !== value)
      .map(([key, value]) => ({ key, value, revision: 1 }));
    this.standby.apply(changed, [...this.#copied.keys()].filter((key) => !this.#etcd.has(key)));
    this.#copied = new Map(this.#etcd);
  }

  #change(step: Exclude<Step, { op: "copy" }>): void {
    const { tx } = this.leader;
    const nowMs = this.#nowMs;
    switch (step.op) {
      case "node":
        if ([undefined, `n${step.id}`].includes(tx.nodeNamed(`name${step.name}`)?.id)) {
          tx.putNode({ ...NODE, id: `n${step.id}`, name: `name${step.name}`, lastSeenMs: nowMs });
        }
        break;
      case "removeNode":
        tx.deleteNode(`n${step.id}`);
        break;
      case "lease": {
        const known = tx.lease(`l${step.id}`);
        if (known?.endedMs != null) break;
        tx.putLease(known ?? leaseOf(step.id, nowMs));
        tx.putAllocation({ ...ALLOCATION, lease: `l${step.id}`, node: `n${step.node}` });
        break;
      }
      case "end": {
        const known = tx.lease(`l${step.id}`);
        if (known === undefined) break;
        for (const each of tx.allocationsOf(known.id)) {
          tx.putAllocation({ ...each, state: "ended" });
        }
        tx.putLease({ ...known, endedMs: known.endedMs ?? nowMs, endReason: "released" });
        break;
      }
      case "forget":
        tx.forgetLeases(nowMs);
        break;
      case "bill":
        tx.putBill({ ...BILL, lease: `l${step.id}`, node: `n${step.node}`, untilMs: nowMs });
        break;
      case "archive":
        tx.archiveBills(2);
        break;
      case "token": {
        const token = { role: "client", name: `t${step.name}`, hash: `h${step.hash}` } as const;
        tx.replaceToken({ ...token, quota: {} }, nowMs);
        break;
      }
      case "removeToken":
        tx.deleteToken(`h${step.hash}`);
        break;
      case "lent":
        tx.putLentHour({ hourMs: step.hourMs, fromMs: 0, untilMs: nowMs, coreMs: nowMs });
        break;
      case "events":
        this.addEvents(step.count, step.isOfLease);
    }
  }

  addEvents(count: number, isOfLease: boolean): void {
    const { tx } = this.leader;
    const about = isOfLease ? { event: "lease-ended", lease: "l1" } : { event: "node-lost" };
    for (let left = count; left > 0; left--) {
      tx.putEvent({ ...about, seq: tx.lastEvent() + 1, atMs: this.#nowMs, by: "m" } as never);
    }
  }
}

const NODE = {
  ...{ cores: 8, maxCores: 8, memoryBytes: 64, addresses: [], bootId: "b", sandbox: "none" },
  ...{ epoch: 1, drainMs: null, lostMs: null, limits: {} },
};
const SIZE = { workers: 2, memoryBytes: 4 };
const ALLOCATION = {
  ...SIZE,
  ...{ reservedWorkers: 2, state: "claimed", claimByMs: 9, claimedMs: 8, endReason: null },
} as const satisfies Omit<AllocationRow, "lease" | "node">;
const BILL = {
  ...SIZE,
  ...{ client: "c", account: null, nodeName: "n", epoch: 1, sinceMs: 1 },
  ...{ heldNs: 1n, computeNs: 2n, pollNs: 3n },
} as const;

function leaseOf(number: number, issuedMs: number): LeaseRow {
  const id = `l${number}`;
  return {
    ...{ ...SIZE, id, client: "c", account: null, root: id, rootWorkers: 2, rootMemoryBytes: 4 },
    ...{ issuedMs, expiresMs: issuedMs + 100, endedMs: null, endReason: null },
  };
}

/** What the questions of a grant answer. */
function state({ tx }: CopiedTables) {
  return {
    digest: digestRows(readRows(tx)),
    loads: tx.nodeLoads().map(({ node: { id }, allocated }) => ({ id, allocated })),
    usage: tx.allocatedTo("c"),
    running: tx.runningLeases(),
    expired: tx.expiredLeases(Number.MAX_SAFE_INTEGER).map(({ id }) => id),
    live: tx.nodes().map(({ id }) => tx.liveAllocationsOn(id).map(({ lease }) => lease).sort()),
    events: tx.lastEvent(),
  };
}

Deno.test("tables that follow a copy equal those of the leader, whatever it did between two updates", () => {
  const property = fc.property(fc.array(step, { size: "max", maxLength: 80 }), (steps) => {
    const cluster = new Cluster();
    for (const each of steps) cluster.run(each);
    cluster.copy();
    assertEquals(state(cluster.standby), state(cluster.leader));
    // Closed bills are archived in the same way, too.
    for (const { tx } of [cluster.standby, cluster.leader]) tx.archiveBills(1);
    assertEquals(state(cluster.standby), state(cluster.leader));
  });
  fc.assert(property, { numRuns: scaledCount(200, 50) });
});

Deno.test("tables keep the last events only, also of a copy that has missed most of them", () => {
  const cluster = new Cluster();
  cluster.addEvents(100, false);
  cluster.run({ op: "forget" });
  cluster.copy();
  cluster.addEvents(2 * KEPT_CLUSTER_EVENTS, false);
  cluster.run({ op: "forget" });
  cluster.copy();
  assertEquals(state(cluster.standby), state(cluster.leader));
});
